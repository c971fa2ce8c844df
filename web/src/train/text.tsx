import { useEffect, useState } from "preact/hooks";
import exampleUrl from "../assets/moby-dick.txt?url";
import { Button, Select, Slider } from "../components/index.ts";
import { type NormalizerId, normalizerList } from "../playground/normalizer-list.ts";
import { useEngine } from "../workers/engine.ts";
import type { PageProvider } from "../workers/runtime.ts";
import { saveFile } from "../workers/save-file.ts";
import type { TextResult } from "../workers/tasks/text.ts";
import { ProviderSelect } from "./provider-select.tsx";
import { TrainingView, useTraining } from "./training.tsx";

/** A GPT on the characters of a text that the visitor gives. */
export default function Text() {
  const engine = useEngine();
  const training = useTraining<TextResult>();
  const [text, setText] = useState("");
  const [steps, setSteps] = useState(200);
  const [normalizer, setNormalizer] = useState<NormalizerId>("softmax");
  const [provider, setProvider] = useState<PageProvider>("wasm");
  useEffect(() => {
    fetch(exampleUrl)
      .then((response) => response.text())
      .then((example) => setText((now) => now || example));
  }, []);
  const { result } = training;
  return (
    <>
      <label for="training-text">Text to learn from: Melville's first pages, or paste your own</label>
      <textarea
        id="training-text"
        class="training-text"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="control-row">
        <Slider label="Steps" value={steps} min={20} max={1000} step={20} onInput={setSteps} />
        <Select<NormalizerId>
          label="Normalizer"
          value={normalizer}
          options={normalizerList.map(({ id, title }) => [id, title] as const)}
          onChange={setNormalizer}
        />
        <ProviderSelect value={provider} onChange={setProvider} />
      </div>
      <TrainingView
        training={training}
        onStart={() =>
          training.start((options) =>
            engine.run(
              "trainText",
              { text, steps, normalizer, provider, layers: 2, width: 64, heads: 4, context: 48, batch: 8, lr: 3e-3 },
              options,
            ),
          )
        }
      />
      {result && (
        <>
          <p data-unseen={result.unseen}>
            {result.unseen.toFixed(2)} nats a character on the last tenth of the text, which was not trained on;{" "}
            {result.parameters.toLocaleString("en")} parameters; {result.provider}.
          </p>
          <blockquote>{result.sample}</blockquote>
          <Button onClick={async () => saveFile("gpt.onnx", await engine.run("exportText", null))}>
            Download as ONNX
          </Button>
        </>
      )}
    </>
  );
}
