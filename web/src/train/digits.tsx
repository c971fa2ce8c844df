import { useState } from "preact/hooks";
import { Button, Card, Meter, Select } from "../components/index.ts";
import { useEngine } from "../workers/engine.ts";
import type { PageProvider } from "../workers/runtime.ts";
import { saveFile } from "../workers/save-file.ts";
import type { DigitsInput, DigitsResult } from "../workers/tasks/digits.ts";
import { templates } from "./digit-strokes.ts";
import { ProviderSelect } from "./provider-select.tsx";
import type { Stroke } from "./render-strokes.ts";
import { TrainingView, useTraining } from "./training.tsx";

const digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;
type Digit = (typeof digits)[number];

/** A small network on drawn digits: drawings of ours and the visitor's, distorted anew at every step. */
export default function Digits() {
  const engine = useEngine();
  const training = useTraining<DigitsResult>();
  const [strokes, setStrokes] = useState<readonly Stroke[]>([]);
  const [digit, setDigit] = useState<Digit>("0");
  const [drawn, setDrawn] = useState<DigitsInput["drawn"]>([]);
  const [provider, setProvider] = useState<PageProvider>("wasm");
  const [answer, setAnswer] = useState<readonly number[]>([]);
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height] as const;
  };
  return (
    <div class="with-controls">
      <Card title="Draw a digit" class="controls">
        <svg
          class="drawing"
          viewBox="0 0 1 1"
          role="img"
          aria-label={`Your drawing, ${strokes.length} lines`}
          onPointerDown={(event) => {
            (event.currentTarget as Element).setPointerCapture(event.pointerId);
            setStrokes([...strokes, [point(event)]]);
          }}
          onPointerMove={(event) => {
            if (event.buttons === 1) setStrokes([...strokes.slice(0, -1), [...(strokes.at(-1) ?? []), point(event)]]);
          }}
        >
          {strokes.map((stroke, i) => (
            <polyline key={i} points={stroke.map((at) => at.join()).join(" ")} />
          ))}
        </svg>
        <Select<Digit> label="It is a" value={digit} options={digits} onChange={setDigit} />
        <div class="buttons">
          <Button onClick={() => setStrokes([])}>Clear</Button>
          <Button
            onClick={() => setStrokes(templates.find((template) => template.digit === Number(digit))?.strokes ?? [])}
          >
            Draw it for me
          </Button>
          <Button
            disabled={strokes.length === 0}
            onClick={() => {
              setDrawn([...drawn, { digit: Number(digit), strokes }]);
              setStrokes([]);
            }}
          >
            Add to the training set ({drawn.length})
          </Button>
          <Button
            disabled={!training.result || strokes.length === 0}
            onClick={async () => setAnswer(await engine.run("readDigit", strokes))}
          >
            Read it
          </Button>
        </div>
        {answer.map((probability, i) => (
          <Meter key={digits[i]} label={digits[i]} value={probability} text={`${(100 * probability).toFixed(0)} %`} />
        ))}
      </Card>
      <div>
        <ProviderSelect value={provider} onChange={setProvider} />
        <TrainingView
          training={training}
          onStart={() =>
            training.start((options) =>
              engine.run("trainDigits", { drawn, steps: 150, batch: 32, lr: 3e-3, provider }, options),
            )
          }
        />
        {training.result && (
          <>
            <p data-accuracy={training.result.accuracy}>
              {(100 * training.result.accuracy).toFixed(0)} % of fresh distortions of the drawings are read right;{" "}
              {training.result.provider}.
            </p>
            <Button onClick={async () => saveFile("digits.onnx", await engine.run("exportDigits", null))}>
              Download as ONNX
            </Button>
          </>
        )}
      </div>
    </div>
  );
}
