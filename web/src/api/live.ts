import { useEffect, useState } from "preact/hooks";
import { applyUpdate, emptyLiveState, type LiveState } from "sluice-lab/server/live-state";

/**
 * Watches a run while it goes on. The stream is given up while the tab is hidden, because a browser has few connections
 * for all its tabs together, and taken up where it was left.
 */
export function useLiveRun(run: string | null, onEnd: () => void): LiveState | null {
  const [state, setState] = useState<LiveState | null>(null);
  useEffect(() => {
    setState(null);
    if (!run) return;
    let source: EventSource | undefined;
    let seen = "";
    let over = false;
    let current = emptyLiveState;
    const hear = (event: MessageEvent<string>) => {
      seen = event.lastEventId;
      const data = JSON.parse(event.data);
      current = event.type === "snapshot" ? data : applyUpdate(current, data);
      setState(current);
    };
    const end = () => {
      over = true;
      source?.close();
      onEnd();
    };
    const follow = () => {
      source?.close();
      if (document.hidden || over) return;
      source = new EventSource(`/api/runs/${run}/events${seen && `?after=${seen}`}`);
      source.addEventListener("snapshot", hear);
      source.addEventListener("update", hear);
      source.addEventListener("end", end);
      // A server that knows nothing of this run says so once, and the browser does not come back.
      source.addEventListener("error", () => source?.readyState === EventSource.CLOSED && end());
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      source?.close();
    };
  }, [run]);
  return state;
}
