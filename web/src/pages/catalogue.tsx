import { useEffect, useRef } from "preact/hooks";
import { useLocation } from "preact-iso";
import { formatDuration } from "sluice-lab/report/format";
import type { Catalogue as CatalogueData, CatalogueItem } from "sluice-lab/server/api";
import { useRequest } from "../api/client.ts";
import { Badge, Notice, Page, Select, Table, Tabs } from "../components/index.ts";

const standings = ["all", "reproduced", "not reproduced", "run, not judged", "not run yet", "planned"] as const;
type Shown = (typeof standings)[number];

/** In which of the filter's sorts a paper falls. */
function standingOf(item: CatalogueItem): Exclude<Shown, "all"> {
  if (item.state !== "ready") return "planned";
  if (!item.run) return "not run yet";
  const { verdict } = item.run;
  return verdict === "reproduced" || verdict === "not reproduced" ? verdict : "run, not judged";
}

/** Whether every word that was typed stands somewhere in what is shown of a paper. */
function matches(item: CatalogueItem, words: readonly string[]): boolean {
  const { id, title, family, year, row, sentence, arxiv } = item;
  const text = [id, title, family, year, row, sentence, arxiv].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

export default function Catalogue() {
  const { data, error } = useRequest<CatalogueData>("catalogue");
  const { query, route } = useLocation();
  const search = useRef<HTMLInputElement>(null);
  const { q = "", family = "all", standing = "all", view = "map" } = query;
  const set = (change: Record<string, string>) => {
    const next = { q, family, standing, view, ...change };
    const defaults: Record<string, string> = { q: "", family: "all", standing: "all", view: "map" };
    const kept = Object.entries(next).filter(([name, value]) => value !== defaults[name]);
    route(`/${kept.length > 0 ? `?${new URLSearchParams(kept)}` : ""}`, true);
  };
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== "/" || (event.target as HTMLElement).matches("input, textarea, select")) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const all = data?.papers ?? [];
  const shown = all.filter(
    (item) =>
      matches(item, words) &&
      (family === "all" || item.family === family) &&
      (standing === "all" || standingOf(item) === standing),
  );
  const ready = all.filter((item) => item.state === "ready").length;
  return (
    <Page
      title="Papers and verdicts"
      lead={
        data
          ? `${all.length} published systems by family. ${ready} can be run here now: each checks its headline claims on this machine.`
          : "Published systems by family, each with claims that are checked on this machine."
      }
    >
      {error && <Notice kind="error">{error.message}</Notice>}
      <search class="filters">
        <div class="field grow">
          <label for="search">Search (press / )</label>
          <input
            id="search"
            ref={search}
            type="search"
            placeholder="softmax, router, 2024 …"
            value={q}
            onInput={(event) => set({ q: event.currentTarget.value })}
          />
        </div>
        <Select
          label="Family"
          value={family}
          options={["all", ...(data?.families ?? [])]}
          onChange={(value) => set({ family: value })}
        />
        <Select
          label="Standing"
          value={standing as Shown}
          options={standings}
          onChange={(value) => set({ standing: value })}
        />
        <p role="status" class="soft count">
          {data ? `${shown.length} shown` : "loading"}
        </p>
      </search>
      <Tabs
        label="View"
        tabs={[
          { id: "map", title: "Map" },
          { id: "table", title: "Table" },
        ]}
        selected={view === "table" ? "table" : "map"}
        onSelect={(value) => set({ view: value })}
      >
        <div class="catalogue-body">
          {data && shown.length === 0 && <p>No paper matches. Fewer words find more.</p>}
          {view === "table" ? shown.length > 0 && <CatalogueTable items={shown} /> : <CatalogueMap items={shown} />}
        </div>
      </Tabs>
    </Page>
  );
}

function CatalogueMap({ items }: { readonly items: readonly CatalogueItem[] }) {
  const map = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const tiles = [...(map.current?.querySelectorAll<HTMLElement>(".tile") ?? [])];
    const at = tiles.indexOf(document.activeElement as HTMLElement);
    if (!by || at < 0) return;
    event.preventDefault();
    tiles[(at + by + tiles.length) % tiles.length].focus();
  };
  // What can be run comes first in its family.
  const sorted = items.toSorted((one, other) => Number(other.state === "ready") - Number(one.state === "ready"));
  const families = Map.groupBy(sorted, (item) => item.family);
  const names = [...new Set(items.map((item) => item.family))];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: arrow keys are a short cut between links that Tab reaches as well
    <div class="map" ref={map} onKeyDown={move}>
      {names.map((family) => (
        <section key={family} class="family" aria-labelledby={`family-${family}`}>
          <h2 id={`family-${family}`}>
            {family} <span class="soft">{families.get(family)!.length}</span>
          </h2>
          <ul class="plain tiles">
            {families.get(family)!.map((item) => (
              <li key={item.id}>
                <Tile item={item} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function Tile({ item }: { readonly item: CatalogueItem }) {
  const standing = standingOf(item);
  return (
    <a class={`tile ${standing.replace(/\W+/g, "-")}`} href={`/papers/${item.id}`}>
      <span class="tile-head">
        <strong>{item.id}</strong>
        <span class="soft">{item.year}</span>
      </span>
      <span class="tile-text">{item.sentence || item.title}</span>
      <span class="tile-foot">
        <span>{item.live ? "running now" : item.summary}</span>
        {item.minutes !== null && <span>{formatDuration(item.minutes * 60)}</span>}
      </span>
    </a>
  );
}

function CatalogueTable({ items }: { readonly items: readonly CatalogueItem[] }) {
  return (
    <Table caption="Papers" captionHidden heads={["Row", "Paper", "Family", "Year", "Cost", "Claims", "Result"]}>
      {items.map((item) => (
        <tr key={item.id}>
          <td>{item.row}</td>
          <th scope="row" class="paper-cell">
            <a href={`/papers/${item.id}`}>{item.title}</a>
            <p class="note">{item.sentence || item.id}</p>
          </th>
          <td>{item.family}</td>
          <td>{item.year}</td>
          <td>{item.minutes === null ? "–" : formatDuration(item.minutes * 60)}</td>
          <td>
            <ul class="plain">
              {item.claims.map((claim) => (
                <li key={claim.id}>
                  {claim.id} {claim.verdict && <Badge verdict={claim.verdict} short />}
                </li>
              ))}
            </ul>
          </td>
          <td>{item.live ? "running now" : item.summary}</td>
        </tr>
      ))}
    </Table>
  );
}
