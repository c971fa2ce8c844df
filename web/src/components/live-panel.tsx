import { useMemo, useState } from "preact/hooks";
import { curvesSpec } from "sluice-lab/plots/curves";
import { formatPlace } from "sluice-lab/report/format";
import type { LiveState } from "sluice-lab/server/live-state";
import { Meter, Notice, Plot, Section, Select } from "./index.ts";

const time = new Intl.DateTimeFormat("en", { timeStyle: "medium", hour12: false });

/** A run while it goes on: its trials' progress, one of its metrics as curves, and what it says. */
export function LivePanel({ state }: { readonly state: LiveState }) {
  const { trials, progress, log, death } = state;
  const done = trials.filter((trial) => trial.status === "done").length;
  const working = trials.filter((trial) => trial.status === "running");
  return (
    <Section title="Live">
      {death && (
        <Notice kind="error">
          <p>{death.message}</p>
          {death.detail && <pre>{death.detail}</pre>}
        </Notice>
      )}
      <p role="status" class="live-state" data-state={state.state}>
        {state.state}: {done} of {trials.length} trials done
      </p>
      <Meter label="Trials" value={done} max={Math.max(1, trials.length)} text={`${done}/${trials.length}`} />
      <div class="live-trials">
        {working.map((trial) => {
          const at = progress[trial.id];
          const label = `${formatPlace(trial)}${at ? `: ${at.loop}` : ""}`;
          return (
            <Meter
              key={trial.id}
              label={label}
              value={at?.step}
              max={at?.steps ?? 1}
              text={at ? `${at.step}/${at.steps}` : "starts"}
            />
          );
        })}
      </div>
      <div class="live-columns">
        <Curves state={state} />
        <div>
          <h3>Log</h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
          <section class="log" aria-label="Log" tabIndex={0}>
            <ol class="plain">
              {log.toReversed().map((line, index) => (
                <li key={log.length - index}>
                  <time>{time.format(line.time)}</time> {line.text}
                </li>
              ))}
            </ol>
          </section>
        </div>
      </div>
    </Section>
  );
}

function Curves({ state }: { readonly state: LiveState }) {
  const names = Object.keys(state.series);
  const [chosen, choose] = useState("");
  const name = names.includes(chosen) ? chosen : (names.find((each) => /\bloss\b/.test(each)) ?? names[0]);
  const series = name === undefined ? undefined : state.series[name];
  const spec = useMemo(() => {
    if (!series) return undefined;
    const places = new Map(state.trials.map((trial) => [trial.id, trial]));
    const points = Object.entries(series).flatMap(([trial, { points: of }]) => {
      const { variant = "", seed = 0 } = places.get(trial) ?? {};
      return of.map(([step, value]) => ({ variant, seed, step, value }));
    });
    return curvesSpec(name, points);
  }, [series, state.trials, name]);
  return (
    <div class="live-curves">
      {spec ? (
        <>
          <Select label="Metric" value={name} options={names} onChange={choose} />
          <Plot bare title={`${name} by step`} spec={spec} />
        </>
      ) : (
        <p class="soft">Curves come with the first measurement.</p>
      )}
    </div>
  );
}
