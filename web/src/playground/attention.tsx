import { useState } from "preact/hooks";
import { Card, Heatmap, Select } from "../components/index.ts";
import { useEngine, useTask } from "../workers/engine.ts";
import { NormalizerControls } from "./normalizer-controls.tsx";
import { type NormalizerId, normalizerList } from "./normalizer-list.ts";
import { Problem } from "./problem.tsx";

/** From this mean weight on the start a head counts as a sink (Gu et al. 2024, arXiv:2410.10781). */
const sinkThreshold = 0.3;
/** An activation this many times the median of its layer is marked. */
const massive = 4;

/** The places whose largest activation stands out in their layer. */
function massivePlaces(largest: Float32Array, rows: number, columns: number) {
  return Array.from({ length: rows }, (_, row) => row).flatMap((row) => {
    const own = [...largest.subarray(row * columns, (row + 1) * columns)];
    const median = own.toSorted((a, b) => a - b)[columns >> 1];
    return own.flatMap((size, column) => (size > massive * median ? [{ row, column }] : []));
  });
}

/** A small trained model on typed text: where its heads look, under any normalizer. */
export default function Attention() {
  const engine = useEngine();
  const [text, setText] = useState("Call me Ishmael. Some years ago the white whale");
  const [normalizer, setNormalizer] = useState<NormalizerId>("softmax");
  const [settings, setSettings] = useState({ temperature: 1, alpha: 1.5 });
  const [chosen, setChosen] = useState(0);
  const { output, error, running } = useTask(engine, "view", { text, normalizer, ...settings });
  const size = output?.characters.length ?? 0;
  const name = (head: number) => `Layer ${Math.floor(head / 4) + 1}, head ${(head % 4) + 1}`;
  return (
    <>
      <div class="control-row">
        <div class="field grow">
          <label for="viewer-text">Text, up to 95 characters</label>
          <input id="viewer-text" maxLength={95} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </div>
        <Select<NormalizerId>
          label="Normalizer"
          value={normalizer}
          options={normalizerList.map(({ id, title }) => [id, title] as const)}
          onChange={setNormalizer}
        />
        <NormalizerControls settings={settings} onChange={setSettings} />
      </div>
      <p class="note" role="status">
        {running && "Computing … "}
        {output?.loss !== undefined && (
          <span data-loss={output.loss}>{output.loss.toFixed(3)} nats a character on this text. </span>
        )}
        {output && `${output.toFirst.filter((weight) => weight > sinkThreshold).length} of 16 heads sink. `}
        The model was trained with softmax; other normalizers are put in without training.
      </p>
      <Problem error={error} />
      {output && (
        <>
          <div class="large-head">
            <Card title={name(chosen)}>
              <Heatmap
                label={`Attention weights of ${name(chosen)}: queries in rows, keys in columns`}
                values={output.weights[chosen]}
                rows={size}
                columns={size}
                rowLabels={output.characters}
                columnLabels={output.characters}
                domain={[0, 1]}
                cell={12}
              />
            </Card>
            <Card title="Largest activation after each layer">
              <Heatmap
                label="Largest activation of the residual stream: layers in rows, places in columns; massive ones are framed"
                values={output.largest}
                rows={output.layers + 1}
                columns={size}
                rowLabels={["embedding", "layer 1", "layer 2", "layer 3", "layer 4"]}
                columnLabels={output.characters}
                marks={massivePlaces(output.largest, output.layers + 1, size)}
                cell={12}
              />
              <p class="note">Framed: more than {massive} times the median of the layer.</p>
              <p>
                Next:{" "}
                {output.next.map(({ character, probability }) => (
                  <span key={character} class="next">
                    <kbd>{character === " " ? "␣" : character}</kbd> {(100 * probability).toFixed(0)} %{" "}
                  </span>
                ))}
              </p>
            </Card>
          </div>
          <div class="heads">
            {output.weights.map((weights, head) => (
              <div key={name(head)} class={output.toFirst[head] > sinkThreshold ? "sink" : ""}>
                <button type="button" class="head-name" aria-pressed={head === chosen} onClick={() => setChosen(head)}>
                  {name(head)} · {(100 * output.toFirst[head]).toFixed(0)} % on the start
                </button>
                <Heatmap label={name(head)} values={weights} rows={size} columns={size} domain={[0, 1]} cell={4} />
              </div>
            ))}
          </div>
        </>
      )}
    </>
  );
}
