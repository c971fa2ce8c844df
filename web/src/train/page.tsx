import { Page } from "../components/index.ts";

export default function View() {
  return <Page title="Train here">{null}</Page>;
}
