import { lazy, useLocation, useRoute } from "preact-iso";
import { Page, Tabs } from "../components/index.ts";
import "../playground/playground.css";

const Text = lazy(() => import("./text.tsx"));
const Digits = lazy(() => import("./digits.tsx"));
const tabs = [
  { id: "text", title: "A GPT on your text" },
  { id: "digits", title: "A network on drawn digits" },
] as const;

/** Training in the browser itself. */
export default function View() {
  const { params } = useRoute();
  const { route } = useLocation();
  const selected = params.view === "digits" ? "digits" : "text";
  return (
    <Page title="Train here" lead="Models train in a worker of this page; nothing leaves the browser.">
      <Tabs label="Models" tabs={tabs} selected={selected} onSelect={(id) => route(`/train/${id}`)}>
        <div class="experiment">{selected === "digits" ? <Digits /> : <Text />}</div>
      </Tabs>
    </Page>
  );
}
