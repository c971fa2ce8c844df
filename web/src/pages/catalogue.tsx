import { Page } from "../components/index.ts";

export default function View() {
  return <Page title="Papers and verdicts">{null}</Page>;
}
