import { signal } from "@preact/signals";

/** Where the token is kept while the tab is open. */
const place = "sluice-token";

/** Takes the token from the address, where `sluice lab` puts it, and hides it there. */
function takeToken(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(place, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(place) ?? "";
}

/** What starting and stopping ask for; empty for a visitor who may only look. */
export const token = signal(takeToken());

export function setToken(text: string): void {
  sessionStorage.setItem(place, text);
  token.value = text;
}
