import { Page } from "../components/index.ts";

export default function View() {
  return <Page title="Paper">{null}</Page>;
}
