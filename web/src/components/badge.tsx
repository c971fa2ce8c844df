import type { Verdict } from "sluice-lab/claims/judge";

const signs: Record<Verdict, string> = { reproduced: "✓", "not reproduced": "✗", undecided: "?", "not judged": "·" };

/** A verdict with a sign and a colour; the word alone says it. `short` leaves the word to screen readers. */
export function Badge({ verdict, short = false }: { readonly verdict: Verdict; readonly short?: boolean }) {
  return (
    <span class={`verdict ${verdict.replace(" ", "-")}`}>
      <span aria-hidden="true">{signs[verdict]}</span>
      {short ? <span class="hidden">{verdict}</span> : ` ${verdict}`}
    </span>
  );
}
