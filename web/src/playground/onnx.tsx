import { useState } from "preact/hooks";
import { Button, Card, FileDrop, Select, Table } from "../components/index.ts";
import { useEngine } from "../workers/engine.ts";
import type { OutputOf } from "../workers/protocol.ts";
import { saveFile } from "../workers/save-file.ts";
import type { OpenedModel } from "../workers/tasks/model.ts";
import { NormalizerControls } from "./normalizer-controls.tsx";
import { type NormalizerId, normalizerList } from "./normalizer-list.ts";
import { Problem } from "./problem.tsx";

/** A dropped ONNX file: what it is, what it gives, and what another softmax changes. It never leaves the browser. */
export default function Onnx() {
  const engine = useEngine();
  const [model, setModel] = useState<OpenedModel>();
  const [sizes, setSizes] = useState<Readonly<Record<string, number>>>({});
  const [given, setGiven] = useState<Readonly<Record<string, string>>>({});
  const [normalizer, setNormalizer] = useState<NormalizerId>("sparsemax");
  const [settings, setSettings] = useState({ temperature: 1, alpha: 1.5 });
  const [result, setResult] = useState<OutputOf<"runModel">>();
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    await work().catch(setError);
    setBusy(false);
  };
  const open = (load: () => Promise<OpenedModel>) =>
    attempt(async () => {
      setModel(undefined);
      setResult(undefined);
      const opened = await load();
      setGiven({});
      setSizes(
        Object.fromEntries(
          opened.inputs.flatMap(({ shape }) =>
            shape.filter((size) => typeof size === "string").map((name) => [name, 1]),
          ),
        ),
      );
      setModel(opened);
    });
  const request = () => ({
    ...settings,
    sizes,
    seed: 1,
    given: Object.fromEntries(
      Object.entries(given)
        .filter(([, text]) => text.trim() !== "")
        .map(([name, text]) => [
          name,
          text
            .split(/[\s,]+/)
            .filter(Boolean)
            .map(Number),
        ]),
    ),
    swap:
      model?.softmaxes || model?.attention
        ? { normalizer, where: model.attention > 0 ? ("attention" as const) : ("all" as const) }
        : null,
  });
  return (
    <>
      <FileDrop
        label="Drop an ONNX file here, or choose one"
        accept=".onnx"
        onFile={(file) => open(async () => engine.run("openModel", new Uint8Array(await file.arrayBuffer())))}
      >
        <span class="note">It stays in this browser.</span>
      </FileDrop>
      <p>
        <Button disabled={busy} onClick={() => open(() => engine.run("openExample", null))}>
          Take the character model of the attention viewer
        </Button>
      </p>
      <Problem error={error} />
      {model && (
        <>
          <p data-model>
            {model.inspection.nodes} nodes, {model.inspection.elements.toLocaleString("en")} stored numbers,{" "}
            {model.attention} attention blocks, {model.softmaxes} softmax nodes.
          </p>
          <Table caption="Operators" heads={["operator", "nodes"]}>
            {model.inspection.operators.slice(0, 12).map(({ operator, count }) => (
              <tr key={operator}>
                <td>{operator}</td>
                <td>{count}</td>
              </tr>
            ))}
          </Table>
          <Card title="Run it">
            {Object.entries(sizes).map(([name, size]) => (
              <div class="field" key={name}>
                <label for={`size ${name}`}>Size of {name}</label>
                <input
                  id={`size ${name}`}
                  type="number"
                  min={1}
                  max={4096}
                  value={size}
                  onInput={(event) => setSizes({ ...sizes, [name]: event.currentTarget.valueAsNumber })}
                />
              </div>
            ))}
            {model.inputs.map(({ name, type }) => (
              <div class="field wide-field" key={name}>
                <label for={`input ${name}`}>
                  {name}, {type}
                </label>
                <input
                  id={`input ${name}`}
                  placeholder="drawn at random; or numbers, row by row"
                  value={given[name] ?? ""}
                  onInput={(event) => setGiven({ ...given, [name]: event.currentTarget.value })}
                />
              </div>
            ))}
            <div class="control-row">
              <Select<NormalizerId>
                label="In place of softmax"
                value={normalizer}
                options={normalizerList.map(({ id, title }) => [id, title] as const)}
                onChange={setNormalizer}
              />
              <NormalizerControls settings={settings} onChange={setSettings} />
            </div>
            <div class="buttons">
              <Button
                kind="primary"
                disabled={busy}
                onClick={() => attempt(async () => setResult(await engine.run("runModel", request())))}
              >
                Run
              </Button>
              <Button
                disabled={busy || request().swap === null}
                onClick={() =>
                  attempt(async () => saveFile("swapped.onnx", await engine.run("exportSwapped", request())))
                }
              >
                Download with the swap
              </Button>
            </div>
          </Card>
        </>
      )}
      {result && (
        <Table caption="Outputs" heads={["output", "first numbers", "mean", "range", "largest difference by the swap"]}>
          {result.outputs.map(({ name, type, values, mean, low, high, swapped }) => (
            <tr key={name} data-output={name}>
              <td>
                {name} <span class="note">{type}</span>
              </td>
              <td class="number">
                {values
                  .slice(0, 6)
                  .map((x) => x.toPrecision(5))
                  .join(", ")}
              </td>
              <td class="number">{mean.toPrecision(4)}</td>
              <td class="number">
                {low.toPrecision(3)} … {high.toPrecision(3)}
              </td>
              <td class="number">{swapped ? swapped.largest.toPrecision(4) : "no softmax"}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}
