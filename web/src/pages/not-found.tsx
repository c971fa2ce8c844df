import { Page } from "../components/index.ts";

export default function NotFound() {
  return (
    <Page title="There is no such page">
      <p>
        The <a href="/">catalogue</a> has every paper.
      </p>
    </Page>
  );
}
