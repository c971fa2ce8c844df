import { Select } from "../components/index.ts";
import type { PageProvider } from "../workers/runtime.ts";

/** Where to train; WebGPU where the browser has it. */
export const ProviderSelect = ({
  value,
  onChange,
}: {
  readonly value: PageProvider;
  onChange(value: PageProvider): void;
}) => (
  <Select
    label="Run on"
    value={value}
    options={[["wasm", "WebAssembly"], ...("gpu" in navigator ? [["webgpu", "WebGPU"] as const] : [])]}
    onChange={onChange}
  />
);
