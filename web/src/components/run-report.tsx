import type { Check } from "sluice-lab/claims/check";
import {
  formatCommit,
  formatDay,
  formatDuration,
  formatMachine,
  formatMeasured,
  formatNumber,
  formatPlace,
  formatThreshold,
} from "sluice-lab/report/format";
import type { RunView } from "sluice-lab/server/api";
import { Badge, Plot, Section, Table } from "./index.ts";

/** Everything that is stored of a run: claims, figures, settings, and where the figures come from. */
export function RunReport({ view }: { readonly view: RunView }) {
  const { run, claims, figures, singles } = view;
  return (
    <>
      {claims.length > 0 && (
        <Section title="Claims">
          <p class="soft">
            {view.summary}; {run.budget} budget, run <a href={`/runs/${run.id}`}>{run.id}</a>.
          </p>
          <Claims view={view} />
        </Section>
      )}
      {figures.length > 0 && (
        <Section title="Figures">
          {figures.map(({ id, title, caption, spec }) => (
            <div key={id} class="figure-block">
              <Plot title={title} caption={caption} spec={spec} />
              <p class="note downloads">
                {(["svg", "csv"] as const).map((kind) => (
                  <a key={kind} download href={`/api/runs/${run.id}/figures/${encodeURIComponent(id)}.${kind}`}>
                    {kind.toUpperCase()}
                    <span class="hidden"> of {title}</span>
                  </a>
                ))}
              </p>
            </div>
          ))}
        </Section>
      )}
      {singles.length > 0 && (
        <Section title="Beside the claims">
          <Table caption="Measured as well, and judged by no claim" heads={["Figure", "Variant", "Measured here"]}>
            {singles.map(({ name, variant, measured }) => (
              <tr key={`${name} ${variant}`}>
                <th scope="row">{name}</th>
                <td>{variant}</td>
                <td>{formatMeasured(measured)}</td>
              </tr>
            ))}
          </Table>
        </Section>
      )}
      <Settings view={view} />
      <Origin view={view} />
    </>
  );
}

function Claims({ view }: { readonly view: RunView }) {
  return (
    <Table
      caption="What the paper reports and what was measured here"
      heads={["Claim", "The paper", "Measured here", "Threshold", "Verdict"]}
    >
      {view.claims.flatMap((claim) => {
        const checks: readonly (Check | undefined)[] = claim.checks.length > 0 ? claim.checks : [undefined];
        return checks.map((check, index) => (
          <tr key={`${claim.id} ${index}`}>
            {index === 0 && (
              <>
                <th scope="rowgroup" rowSpan={checks.length}>
                  {claim.id}
                </th>
                <td rowSpan={checks.length}>{claim.paper}</td>
              </>
            )}
            <td>{check ? <Measured check={check} /> : "nothing"}</td>
            <td>{check ? formatThreshold(check) : claim.holds}</td>
            {index === 0 && (
              <td rowSpan={checks.length}>
                <Badge verdict={claim.verdict} />
                {claim.notes.map((note) => (
                  <p class="note" key={note}>
                    {note}
                  </p>
                ))}
              </td>
            )}
          </tr>
        ));
      })}
    </Table>
  );
}

function Measured({ check }: { readonly check: Check }) {
  return (
    <>
      {check.label}: <strong>{formatMeasured(check)}</strong>
      {check.points.length > 1 && (
        <details>
          <summary>single figures</summary>
          {check.points.map((point) => `${formatPlace(point)}: ${formatNumber(point.value)}`).join("; ")}
        </details>
      )}
    </>
  );
}

function Settings({ view }: { readonly view: RunView }) {
  const variants = new Map(view.trials.map((trial) => [trial.variant, trial.settings]));
  const names = [...new Set([...variants.values()].flatMap((settings) => Object.keys(settings)))];
  return (
    <Section title="Settings">
      <Table
        caption="Settings of each variant"
        heads={["Setting", ...[...variants.keys()].map((name) => name || "value")]}
      >
        {names.map((name) => (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
            </th>
            {[...variants].map(([variant, settings]) => (
              <td key={variant}>{settings[name] === undefined ? "" : JSON.stringify(settings[name])}</td>
            ))}
          </tr>
        ))}
      </Table>
    </Section>
  );
}

function Origin({ view }: { readonly view: RunView }) {
  const { run, provenance } = view;
  const versions = Object.entries(provenance.versions).map(([name, version]) => `${name} ${version}`);
  const facts = [
    ["Run", `${run.id}, ${formatDay(run.started)}, ${run.state}`],
    ["Repeat with", <code key="command">{view.command}</code>],
    ["Machine", formatMachine(provenance)],
    ["Commit", formatCommit(provenance)],
    ["Sources", <code key="revision">{view.revision}</code>],
    ["Versions", versions.join(", ")],
    ["Worked", formatDuration(run.seconds)],
  ] as const;
  return (
    <Section title="The run">
      <dl class="facts">
        {facts.map(([name, fact]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
      <Table caption="Trials" heads={["Trial", "Status", "Worked", "Error"]}>
        {view.trials.map((trial) => (
          <tr key={trial.id}>
            <th scope="row">{formatPlace(trial)}</th>
            <td>{trial.status}</td>
            <td>{formatDuration(trial.seconds)}</td>
            <td>{trial.error && `${trial.error.kind}: ${trial.error.message}`}</td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}
