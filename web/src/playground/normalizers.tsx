import { useState } from "preact/hooks";
import { Button, Card, Heatmap, Slider } from "../components/index.ts";
import { useEngine, useTask } from "../workers/engine.ts";
import type { Normalized } from "../workers/tasks/normalize.ts";
import { NormalizerControls } from "./normalizer-controls.tsx";
import { normalizerList } from "./normalizer-list.ts";
import { Problem } from "./problem.tsx";

const start = [1.5, 1, 0.5, -0.5, -1];
const presets: readonly (readonly [string, readonly number[]])[] = [
  ["Start", start],
  ["Equal", [1, 1, 1, 1, 1]],
  ["One peak", [4, 0, 0, 0, 0]],
  ["All negative", [-1, -2, -3, -1.5, -2.5]],
];

/** One row of scores, and what each normalizer makes of it. */
export default function Normalizers() {
  const engine = useEngine();
  const [scores, setScores] = useState<readonly number[]>(start);
  const [settings, setSettings] = useState({ temperature: 1, alpha: 1.5 });
  const { output, error } = useTask(engine, "normalize", { scores, ...settings });
  return (
    <div class="with-controls">
      <Card title="Scores" class="controls">
        {scores.map((score, i) => (
          <Slider
            key={i}
            label={`Score ${i + 1}`}
            value={score}
            min={-5}
            max={5}
            step={0.1}
            onInput={(value) => setScores(scores.map((old, at) => (at === i ? value : old)))}
          />
        ))}
        <NormalizerControls settings={settings} onChange={setSettings} />
        <div class="buttons">
          {presets.map(([name, values]) => (
            <Button key={name} onClick={() => setScores(values)}>
              {name}
            </Button>
          ))}
        </div>
      </Card>
      <div>
        <Problem error={error} />
        <div class="tiles">
          {normalizerList.map((entry) => (
            <NormalizerCard key={entry.id} {...entry} result={output?.find(({ id }) => id === entry.id)} />
          ))}
        </div>
      </div>
    </div>
  );
}

function NormalizerCard({
  id,
  title,
  formula,
  note,
  result,
}: (typeof normalizerList)[number] & { readonly result: Normalized | undefined }) {
  const weights = result?.weights ?? [];
  const total = weights.reduce((a, b) => a + b, 0);
  return (
    <Card title={title}>
      <div data-normalizer={id} aria-busy={result === undefined}>
        <p class="note formula">{formula}</p>
        <ol class="bars plain">
          {weights.map((weight, i) => (
            <li key={i} class={weight === 0 ? "zero" : ""}>
              <span class="bar-fill" style={{ height: `${100 * Math.min(1, weight)}%` }} />
              <span class="number">{weight.toFixed(3)}</span>
            </li>
          ))}
        </ol>
        <p class="note number">
          sum {total.toFixed(3)} · support {weights.filter((weight) => weight > 0).length} of {weights.length}
        </p>
        <Heatmap
          label={`Jacobian of ${title}`}
          values={result?.jacobian ?? []}
          rows={weights.length}
          columns={weights.length}
          rowLabels={weights.map((_, i) => `weight ${i + 1}`)}
          columnLabels={weights.map((_, i) => `score ${i + 1}`)}
          domain={[-0.5, 0.5]}
          scale="diverging"
          cell={18}
        />
        <p class="note">{note}</p>
      </div>
    </Card>
  );
}
