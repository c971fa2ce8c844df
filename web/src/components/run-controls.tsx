import { useState } from "preact/hooks";
import type { StartOrder } from "sluice-lab/server/api";
import { request } from "../api/client.ts";
import { token } from "../api/session.ts";
import { Button, Notice } from "./index.ts";

/** Sends orders about runs one at a time, and keeps what went wrong with the last. */
export function useOrders(onDone: (run: string) => void) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const send = async (path: string, body?: StartOrder) => {
    setBusy(true);
    setProblem("");
    try {
      onDone((await request<{ run: string }>(path, "POST", body)).run);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, send };
}

/** Stops a run that is under way, or resumes one that is not over. */
export function RunControls({
  run,
  live,
  unfinished,
  onDone,
}: {
  readonly run: string;
  readonly live: boolean;
  readonly unfinished: boolean;
  onDone(run: string): void;
}) {
  const { busy, problem, send } = useOrders(onDone);
  if (!live && !unfinished) return null;
  return (
    <>
      <div class="buttons">
        {live ? (
          <Button kind="danger" disabled={busy} onClick={() => send(`runs/${run}/stop`)}>
            Cancel the run
          </Button>
        ) : (
          <Button kind="primary" disabled={busy} onClick={() => send(`runs/${run}/resume`)}>
            Resume
          </Button>
        )}
      </div>
      {problem && <Notice kind="error">{problem}</Notice>}
      {token.value === "" && <TokenHint />}
    </>
  );
}

export const TokenHint = () => (
  <p class="note">
    Starting and stopping need the token that <code>sluice lab</code> prints: open the address it prints, or{" "}
    <a href="/about">give the token</a>.
  </p>
);
