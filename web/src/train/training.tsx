import { useMemo, useRef, useState } from "preact/hooks";
import { Button, Meter, Plot } from "../components/index.ts";
import { Problem } from "../playground/problem.tsx";
import type { TrainProgress } from "../workers/tasks/text.ts";

type Start<Result> = (options: { signal: AbortSignal; onProgress(progress: TrainProgress): void }) => Promise<Result>;

/** A training that can be started and stopped, with its progress. */
export function useTraining<Result>() {
  const [progress, setProgress] = useState<TrainProgress>();
  const [losses, setLosses] = useState<readonly number[]>([]);
  const [result, setResult] = useState<Result>();
  const [error, setError] = useState<Error>();
  const [running, setRunning] = useState(false);
  const controller = useRef<AbortController>(undefined);
  const start = async (run: Start<Result>) => {
    const all: number[] = [];
    let drawn = 0;
    setError(undefined);
    setResult(undefined);
    setProgress(undefined);
    setLosses([]);
    setRunning(true);
    controller.current = new AbortController();
    try {
      setResult(
        await run({
          signal: controller.current.signal,
          onProgress: (now) => {
            all.push(now.loss);
            setProgress(now);
            // The curve is drawn once a second: drawing it costs more than a step.
            if (performance.now() - drawn < 1000) return;
            drawn = performance.now();
            setLosses([...all]);
          },
        }),
      );
    } catch (thrown) {
      setError(thrown as Error);
    }
    setLosses([...all]);
    setRunning(false);
  };
  return { progress, losses, result, error, running, start, stop: () => controller.current?.abort() };
}

/** Start and stop, how far it is, and the loss so far. */
export function TrainingView({
  training: { progress, losses, error, running, stop },
  onStart,
}: {
  readonly training: Omit<ReturnType<typeof useTraining<unknown>>, "start">;
  onStart(): void;
}) {
  const spec = useMemo(
    () => ({
      data: { values: losses.map((loss, step) => ({ step: step + 1, loss })) },
      width: 480,
      height: 200,
      // The region around it has a name; a line without points would be a picture without one.
      mark: { type: "line", clip: true, aria: false },
      encoding: {
        x: { field: "step", type: "quantitative" },
        y: { field: "loss", type: "quantitative", title: "loss / nats", scale: { zero: false } },
      },
    }),
    [losses],
  );
  return (
    <>
      <div class="buttons">
        <Button kind="primary" disabled={running} onClick={onStart}>
          Train
        </Button>
        <Button disabled={!running} onClick={stop}>
          Stop
        </Button>
      </div>
      <Meter
        label="Progress"
        value={progress?.step ?? 0}
        max={progress?.steps ?? 1}
        text={progress ? `${progress.step} of ${progress.steps}` : ""}
      />
      <p class="note number" data-loss={progress?.loss}>
        {progress
          ? `loss ${progress.loss.toFixed(3)} nats · ${progress.speed.toFixed(1)} steps/s`
          : running
            ? "Compiling …"
            : "Not started"}
      </p>
      <Problem error={error} />
      <Plot title="Loss of each step" spec={spec} bare />
    </>
  );
}
