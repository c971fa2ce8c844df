import { lazy, useLocation, useRoute } from "preact-iso";
import { Page, Tabs } from "../components/index.ts";
import "./playground.css";

const views = {
  normalizers: lazy(() => import("./normalizers.tsx")),
  attention: lazy(() => import("./attention.tsx")),
  gates: lazy(() => import("./gates.tsx")),
  onnx: lazy(() => import("./onnx.tsx")),
};
type ViewId = keyof typeof views;

const tabs = [
  { id: "normalizers", title: "Normalizers" },
  { id: "attention", title: "Attention" },
  { id: "gates", title: "Gates" },
  { id: "onnx", title: "Your ONNX file" },
] as const;

/** Methods to try by hand, on the library itself, in a worker of this page. */
export default function View() {
  const { params } = useRoute();
  const { route } = useLocation();
  const selected: ViewId = params.view !== undefined && params.view in views ? (params.view as ViewId) : "normalizers";
  const Selected = views[selected];
  return (
    <Page title="Playground" lead="Every number here is computed by the library, in a worker of this page.">
      <Tabs label="Experiments" tabs={tabs} selected={selected} onSelect={(id) => route(`/playground/${id}`)}>
        <div class="experiment">
          <Selected />
        </div>
      </Tabs>
    </Page>
  );
}
