import { formatDay, formatDuration } from "sluice-lab/report/format";
import type { RunSummary } from "sluice-lab/server/api";
import { useRequest } from "../api/client.ts";
import { Badge, Notice, Page, Table } from "../components/index.ts";

/** The rows of a table of runs. */
export function RunsTable({ caption, runs }: { readonly caption: string; readonly runs: readonly RunSummary[] }) {
  return (
    <Table
      caption={caption}
      captionHidden
      heads={["Run", "Budget", "Seeds", "State", "Verdict", "Trials", "Worked", "Day"]}
    >
      {runs.map((run) => (
        <tr key={run.id}>
          <th scope="row">
            <a href={`/runs/${run.id}`}>{run.id}</a>
          </th>
          <td>{run.budget}</td>
          <td>{run.seeds}</td>
          <td>{run.state}</td>
          <td>{run.verdict ? <Badge verdict={run.verdict} /> : "–"}</td>
          <td>{`${run.done} of ${run.trials}`}</td>
          <td>{formatDuration(run.seconds)}</td>
          <td>{formatDay(run.started)}</td>
        </tr>
      ))}
    </Table>
  );
}

export default function Runs() {
  const { data, error } = useRequest<readonly RunSummary[]>("runs");
  return (
    <Page title="Runs" lead="Everything that was measured on this machine, newest first.">
      {error && <Notice kind="error">{error.message}</Notice>}
      {data?.length === 0 && (
        <p>
          Nothing has been run yet. Choose a paper from the <a href="/">catalogue</a> and start a smoke run.
        </p>
      )}
      {data && data.length > 0 && <RunsTable caption="All runs" runs={data} />}
    </Page>
  );
}
