import { Slider } from "../components/index.ts";
import type { NormalizerSettings } from "../workers/normalizers.ts";

/** Sliders for temperature and α. */
export function NormalizerControls({
  settings,
  onChange,
}: {
  readonly settings: NormalizerSettings;
  onChange(settings: NormalizerSettings): void;
}) {
  return (
    <>
      <Slider
        label="Temperature"
        value={settings.temperature}
        min={0.1}
        max={4}
        step={0.1}
        onInput={(temperature) => onChange({ ...settings, temperature })}
      />
      <Slider
        label="α of entmax"
        value={settings.alpha}
        min={1.05}
        max={2}
        step={0.05}
        onInput={(alpha) => onChange({ ...settings, alpha })}
      />
    </>
  );
}
