/**
 * Three stages on one cluster: none has access to the data of another, and none reaches a public certificate authority.
 */
import assert from "node:assert/strict";
import { authorization, send, type Account } from "../support/api.ts";
import { attempt, sh, withCheckout } from "../support/shell.ts";
import {
  dev,
  production,
  staging,
  trustedRoot,
  userWithTask,
  type Stage,
} from "../stages/support.ts";

const STAGES = [dev, staging, production];

describe("three stages side by side", () => {
  let users: { stage: Stage; account: Account }[];
  before(async () => {
    const acme = await trustedRoot();
    users = await Promise.all(
      STAGES.map(async (stage) => {
        const { account } = await userWithTask(stage, stage === dev ? undefined : acme);
        return { stage, account };
      }),
    );
  });

  const pairs = STAGES.flatMap((own) =>
    STAGES.filter((other) => other !== own).map((other) => [own, other] as const),
  );
  for (const [own, other] of pairs)
    it(`${other.name} accepts neither password nor token of an account of ${own.name}`, async () => {
      const { account } = users.find(({ stage }) => stage === own)!;
      const { ca } = users.find(({ stage }) => stage === other)!.account;
      const { email, password } = account;
      const signIn = (stage: Stage, authority?: string) =>
        send(stage.host, "/api/auth/sign-in/email", {
          method: "POST",
          body: { email, password },
          headers: { Origin: `${authority ? "https" : "http"}://${stage.host}` },
          ca: authority,
        });
      assert.equal((await signIn(own, account.ca)).status, 200);
      assert.equal((await signIn(other, ca)).status, 401);
      const headers = await authorization(account);
      assert.equal((await send(own.host, "/api/tasks", { headers, ca: account.ca })).status, 200);
      assert.equal((await send(other.host, "/api/tasks", { headers, ca })).status, 401);
    });

  it("each has a database and secrets of its own", async () => {
    const values = await Promise.all(
      STAGES.map(async ({ json }) => {
        const { items } = await json("get secrets -l app.kubernetes.io/name=backend");
        const { DATABASE_URL, BETTER_AUTH_SECRET } = items[0].data;
        return [DATABASE_URL as string, BETTER_AUTH_SECRET as string];
      }),
    );
    const distinct = new Set(values.flat());
    assert.ok(!distinct.has(undefined as never));
    assert.equal(distinct.size, 2 * STAGES.length);
  });

  it("no object of one names another's namespace", async () => {
    const kinds = await sh(
      "kubectl --context minikube api-resources --namespaced --verbs=list -o name | paste -sd,",
    );
    for (const { name, namespace, kubectl } of STAGES) {
      const objects = await kubectl(`get ${kinds} -o json`);
      assert.ok(objects.includes(`"${namespace}"`), `${name} was looked at`);
      for (const other of STAGES.filter((each) => each.name !== name))
        assert.ok(!objects.includes(other.namespace), `${name} names ${other.namespace}`);
    }
  });
});

describe("Let's Encrypt", () => {
  it("is named by no object of any stage", async () => {
    for (const { name, exportedState } of STAGES) {
      const state = await exportedState();
      assert.match(state, /"kind": ?"Deployment"/, `${name} was looked at`);
      assert.doesNotMatch(state, /letsencrypt\.org/, name);
    }
  });

  it("cannot be resolved from inside the cluster", async () => {
    const names = ["acme-v02.api.letsencrypt.org", "acme-staging-v02.api.letsencrypt.org"];
    const lookUp = (name: string) =>
      staging.kubectl(
        `exec deployment/backend -- python -c 'import socket
try: print(socket.getaddrinfo("${name}", 443)[0][4][0])
except socket.gaierror as error: print(error.errno == socket.EAI_NONAME)'`,
      );
    for (const name of names) assert.equal(await lookUp(name), "True", name);
    assert.match(await lookUp("staging.todo-app.com"), /^10\./, "other names are found");
  });

  it("is refused as tls.server of the issuer acme", async () => {
    await withCheckout(async (cwd) => {
      await sh(
        `sed -i 's|server: .*|server: https://acme-v02.api.letsencrypt.org/directory|' local/overrides.staging.yaml`,
        { cwd },
      );
      const { code, output } = await attempt("make up STAGE=staging", { cwd });
      assert.notEqual(code, 0);
      assert.match(output, /todo-app:tls\.server is "https:\/\/acme-v02[^"]*"; allowed: no value/);
    });
    await sh("local/stage-file staging");
  });
});
