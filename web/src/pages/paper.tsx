import { useState } from "preact/hooks";
import { useRoute } from "preact-iso";
import { formatDuration } from "sluice-lab/report/format";
import type { PaperView } from "sluice-lab/server/api";
import type { Budget } from "sluice-lab/store/trials";
import { useRequest } from "../api/client.ts";
import { useLiveRun } from "../api/live.ts";
import { token } from "../api/session.ts";
import { Button, Card, Notice, Page, Section, Select, Table } from "../components/index.ts";
import { LivePanel } from "../components/live-panel.tsx";
import { RunControls, TokenHint, useOrders } from "../components/run-controls.tsx";
import { RunReport } from "../components/run-report.tsx";
import { RunsTable } from "./runs.tsx";

export default function Paper() {
  const { id } = useRoute().params;
  const { data, error, reload } = useRequest<PaperView>(`papers/${encodeURIComponent(id)}`);
  const live = data?.item.live ?? null;
  const state = useLiveRun(live, reload);
  return (
    <Page title={data?.item.title ?? id} above={<a href="/">← All papers</a>}>
      {error && <Notice kind="error">{error.message}</Notice>}
      {data && (
        <>
          <Facts view={data} />
          {data.item.state === "planned" && <Notice>This paper is not built yet.</Notice>}
          {data.problem && <Notice kind="error">Its file cannot be loaded: {data.problem}</Notice>}
          {data.idea && <p class="lead">{data.idea}</p>}
          {live ? (
            <RunControls run={live} live unfinished={false} onDone={reload} />
          ) : (
            data.item.state === "ready" && <RunIt view={data} onStarted={reload} />
          )}
          {state && <LivePanel state={state} />}
          {!data.run && data.claims.length > 0 && <Claims view={data} />}
          {data.run && <RunReport view={data.run} />}
          {data.runs.length > 0 && (
            <Section title="All runs of this paper">
              <RunsTable caption="Runs of this paper" runs={data.runs} />
            </Section>
          )}
        </>
      )}
    </Page>
  );
}

function Facts({ view }: { readonly view: PaperView }) {
  const { id, family, year, arxiv } = view.item;
  return (
    <p class="soft meta">
      <code>{id}</code> · {family} · {year}
      {arxiv && (
        <>
          {" · "}
          <a href={`https://arxiv.org/abs/${arxiv}`}>arXiv:{arxiv}</a>
        </>
      )}
      {view.code && (
        <>
          {" · "}
          <a href={`https://${view.code}`}>the authors’ code</a>
        </>
      )}
    </p>
  );
}

function RunIt({ view, onStarted }: { readonly view: PaperView; onStarted(): void }) {
  const [budget, setBudget] = useState<Budget>("smoke");
  const [seeds, setSeeds] = useState("");
  const [force, setForce] = useState(false);
  const { busy, problem, send } = useOrders(onStarted);
  const cost = budget === "smoke" ? "seconds" : `about ${formatDuration((view.item.minutes ?? 0) * 60)} on two cores`;
  return (
    <Card title="Run it on this machine" class="run-it">
      <form
        class="buttons"
        onSubmit={(event) => {
          event.preventDefault();
          send("runs", { paper: view.item.id, budget, force, ...(seeds && { seeds: Number(seeds) }) });
        }}
      >
        <Select<Budget>
          label="Budget"
          value={budget}
          options={[
            ["smoke", "smoke: seconds"],
            ["full", "full: minutes"],
          ]}
          onChange={setBudget}
        />
        <div class="field">
          <label for="seeds">Seeds</label>
          <input
            id="seeds"
            type="number"
            min="1"
            max="50"
            placeholder={`${view.seeds[budget]}`}
            value={seeds}
            onInput={(event) => setSeeds(event.currentTarget.value)}
          />
        </div>
        <label class="check">
          <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} /> afresh
        </label>
        <Button kind="primary" type="submit" disabled={busy}>
          Run it
        </Button>
      </form>
      <p class="note">Takes {cost}. What is done already is not done again unless you ask for it afresh.</p>
      {problem && <Notice kind="error">{problem}</Notice>}
      {token.value === "" && <TokenHint />}
    </Card>
  );
}

function Claims({ view }: { readonly view: PaperView }) {
  return (
    <Section title="Claims">
      <Table
        caption="What the paper reports, and when it counts as reproduced here"
        heads={["Claim", "The paper", "Holds when", "Judged"]}
      >
        {view.claims.map((claim) => (
          <tr key={claim.id}>
            <th scope="row">{claim.id}</th>
            <td>{claim.paper}</td>
            <td>{claim.holds}</td>
            <td>{claim.smoke ? "smoke and full" : "full"}</td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}
