import { useState } from "preact/hooks";
import { Button, Card, Meter, Select, Slider } from "../components/index.ts";
import { useEngine, useTask } from "../workers/engine.ts";
import type { Routed, RouteInput, Router } from "../workers/tasks/route.ts";
import { Problem } from "./problem.tsx";

const routers: readonly (readonly [Router, string])[] = [
  ["token", "Token choice (Switch, GShard)"],
  ["noisy", "Noisy top-k"],
  ["expert", "Expert choice"],
];
const first: RouteInput = {
  router: "token",
  tokens: 24,
  experts: 6,
  k: 1,
  capacityFactor: 1,
  noise: 1,
  skew: 1,
  seed: 1,
};

/** Tokens on their way to experts. */
export default function Gates() {
  const engine = useEngine();
  const [input, setInput] = useState(first);
  const { output, error } = useTask(engine, "route", input);
  const set = (change: Partial<RouteInput>) => setInput({ ...input, ...change });
  return (
    <div class="with-controls">
      <Card title="Router" class="controls">
        <Select label="Kind" value={input.router} options={routers} onChange={(router) => set({ router })} />
        <Slider label="Tokens" value={input.tokens} min={8} max={48} step={1} onInput={(tokens) => set({ tokens })} />
        <Slider
          label="Experts"
          value={input.experts}
          min={2}
          max={12}
          step={1}
          onInput={(experts) => set({ experts, k: Math.min(input.k, experts) })}
        />
        {input.router !== "expert" && (
          <Slider
            label="Experts a token (k)"
            value={input.k}
            min={1}
            max={Math.min(4, input.experts)}
            step={1}
            onInput={(k) => set({ k })}
          />
        )}
        {input.router !== "noisy" && (
          <Slider
            label="Capacity factor"
            value={input.capacityFactor}
            min={0.5}
            max={2}
            step={0.25}
            onInput={(capacityFactor) => set({ capacityFactor })}
          />
        )}
        {input.router === "noisy" && (
          <Slider label="Noise" value={input.noise} min={0} max={3} step={0.1} onInput={(noise) => set({ noise })} />
        )}
        <Slider
          label="Preference for the first experts"
          value={input.skew}
          min={0}
          max={4}
          step={0.25}
          onInput={(skew) => set({ skew })}
        />
        <Button onClick={() => set({ seed: input.seed + 1 })}>Other tokens</Button>
      </Card>
      <div>
        <Problem error={error} />
        {output && <Flow input={input} routed={output} />}
      </div>
    </div>
  );
}

function Flow({ input: { tokens, experts }, routed }: { readonly input: RouteInput; readonly routed: Routed }) {
  const { assignments, capacity } = routed;
  const loads = Array.from(
    { length: experts },
    (_, expert) => assignments.filter((one) => one.kept && one.expert === expert).length,
  );
  const dropped = assignments.filter(({ kept }) => !kept).length;
  const perToken = Array.from(
    { length: tokens },
    (_, token) => assignments.filter((one) => one.kept && one.token === token).length,
  );
  const [width, height] = [600, 220];
  const tokenX = (token: number) => (width * (token + 0.5)) / tokens;
  const expertX = (expert: number) => (width * (expert + 0.5)) / experts;
  const text = `${dropped} dropped, ${perToken.filter((count) => count === 0).length} tokens without an expert, at most ${Math.max(...perToken)} experts a token`;
  return (
    <>
      <svg
        class="flow"
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`Tokens above, experts below: ${text}`}
      >
        {assignments.map(({ token, expert, weight, kept }) => (
          <path
            key={`${token} ${expert}`}
            class={kept ? "kept" : "dropped"}
            d={`M${tokenX(token)} 14 C${tokenX(token)} 110 ${expertX(expert)} 110 ${expertX(expert)} 200`}
            style={{ opacity: kept ? 0.25 + 0.75 * weight : 1 }}
          />
        ))}
        {perToken.map((count, token) => (
          <circle key={token} cx={tokenX(token)} cy={9} r={5} class={count === 0 ? "empty" : ""} />
        ))}
        {loads.map((_, expert) => (
          <rect key={expert} x={expertX(expert) - 14} y={200} width={28} height={16} rx={4} />
        ))}
      </svg>
      <p class="note" data-route>
        {text}
      </p>
      <div class="loads">
        {loads.map((load, expert) => (
          <Meter
            key={expert}
            label={`Expert ${expert + 1}`}
            value={load}
            max={capacity ?? Math.max(1, ...loads)}
            text={capacity === undefined ? `${load}` : `${load} of ${capacity}`}
          />
        ))}
      </div>
    </>
  );
}
