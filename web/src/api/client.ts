import { useEffect, useState } from "preact/hooks";
import type { Refusal } from "sluice-lab/server/api";
import { token } from "./session.ts";

/** The server refused, or could not be reached. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Asks the server. @throws RequestError */
export async function request<Answer>(path: string, method: "GET" | "POST" = "GET", body?: unknown): Promise<Answer> {
  const headers: Record<string, string> = token.value ? { Authorization: `Bearer ${token.value}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(`/api/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new RequestError("unreachable", 0, "The server cannot be reached; is `sluice lab` still running?");
  }
  if (response.ok) return response.json();
  const { error }: Partial<Refusal> = await response.json().catch(() => ({}));
  throw new RequestError(error?.code ?? "unknown", response.status, error?.message ?? response.statusText);
}

export interface Loaded<Answer> {
  readonly data: Answer | undefined;
  readonly error: RequestError | undefined;
  reload(): void;
}

/** What the server answers to a path; the older answer of the same path stays while it is asked again. */
export function useRequest<Answer>(path: string): Loaded<Answer> {
  const [state, setState] = useState<{ path: string; data?: Answer; error?: RequestError }>({ path });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    request<Answer>(path).then(
      (data) => !gone && setState({ path, data }),
      (error) => !gone && setState({ path, error }),
    );
    return () => {
      gone = true;
    };
  }, [path, turn]);
  const current = state.path === path ? state : { data: undefined, error: undefined };
  return { data: current.data, error: current.error, reload: () => setTurn((before) => before + 1) };
}
