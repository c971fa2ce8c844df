import type { ServerFacts } from "sluice-lab/server/api";
import { useRequest } from "../api/client.ts";
import { setToken, token } from "../api/session.ts";
import { Button, Page, Section } from "../components/index.ts";

export default function About() {
  const { data, reload } = useRequest<ServerFacts>("server");
  return (
    <Page
      title="About"
      lead="Sluice builds published systems in TypeScript and checks their headline claims on your machine."
    >
      <div class="prose">
        <p>
          Each paper states its claims with thresholds that were written before the first run. A run measures them over
          several seeds; a claim ends as <em>reproduced</em> or <em>not reproduced</em>, with the figures beside it. A
          smoke run takes seconds and judges the claims that hold at that size; a full run takes minutes and judges all.
        </p>
        <p>
          The playground and the training run in this browser, on the same library compiled for it. Nothing that you
          type, draw or drop leaves it.
        </p>
      </div>
      <Section title="This server">
        <dl class="facts">
          <div>
            <dt>Version</dt>
            <dd>{data?.version ?? "…"}</dd>
          </div>
          <div>
            <dt>Machine</dt>
            <dd>
              {data ? `${data.machine.processor}, ${data.machine.cores} cores, ${data.machine.memoryGib} GiB` : "…"}
            </dd>
          </div>
          <div>
            <dt>You may</dt>
            <dd>{data?.authorised ? "look, start and stop runs" : "look; starting and stopping need the token"}</dd>
          </div>
        </dl>
        <form
          class="buttons"
          onSubmit={(event) => {
            event.preventDefault();
            setToken(String(new FormData(event.currentTarget).get("token") ?? ""));
            reload();
          }}
        >
          <div class="field">
            <label for="token">Token that `sluice lab` printed</label>
            <input id="token" name="token" type="password" autocomplete="off" defaultValue={token.value} />
          </div>
          <Button type="submit">Use it</Button>
        </form>
      </Section>
    </Page>
  );
}
