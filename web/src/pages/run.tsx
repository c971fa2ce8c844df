import { useLocation, useRoute } from "preact-iso";
import { isLive, type RunView } from "sluice-lab/server/api";
import { useRequest } from "../api/client.ts";
import { useLiveRun } from "../api/live.ts";
import { Notice, Page } from "../components/index.ts";
import { LivePanel } from "../components/live-panel.tsx";
import { RunControls } from "../components/run-controls.tsx";
import { RunReport } from "../components/run-report.tsx";

export default function Run() {
  const { id } = useRoute().params;
  const { route } = useLocation();
  const { data, error, reload } = useRequest<RunView>(`runs/${encodeURIComponent(id)}`);
  const live = data !== undefined && isLive(data.run.state);
  const state = useLiveRun(live ? id : null, reload);
  const follow = (run: string) => (run === id ? reload() : route(`/runs/${run}`));
  return (
    <Page
      title={id}
      lead={data?.title}
      above={<a href={data ? `/papers/${data.run.paper}` : "/runs"}>← {data?.run.paper ?? "Runs"}</a>}
    >
      {error && <Notice kind="error">{error.message}</Notice>}
      {data?.run.state === "interrupted" && (
        <Notice kind="warning">
          <p>
            {data.death?.message ?? "This run ended without a word: its process is gone. What it measured is kept."}
          </p>
          {data.death?.detail && <pre>{data.death.detail}</pre>}
        </Notice>
      )}
      {data?.run.state === "elsewhere" && <Notice>Another process is at work on this run.</Notice>}
      {data && (
        <RunControls
          run={id}
          live={live}
          unfinished={data.run.state === "interrupted" || data.run.state === "partial"}
          onDone={follow}
        />
      )}
      {state && <LivePanel state={state} />}
      {data && !live && <RunReport view={data} />}
    </Page>
  );
}
