/** The stack works with the oldest supported engine as with the newest, and with a state that the oldest one wrote. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { sh, withCheckout } from "./support/shell.ts";

/** A small stage with the images of dev. */
const stageFile = (stage: string, images: Readonly<Record<string, string>>) => {
  const small = { replicas: 1 };
  return stringify({
    config: {
      "pulumi:disable-default-providers": ["kubernetes"],
      "todo-app:kubernetesContext": "minikube",
      "todo-app:host": `${stage}.todo-app.local`,
      "todo-app:images": { registry: "localhost:5000", ...images },
      "todo-app:backend": small,
      "todo-app:frontend": small,
    },
  });
};

type Engine = "oldest" | "newest";

describe("the stack", function () {
  this.timeout(900_000);
  let engines: Readonly<Record<Engine, string>>;
  let images: Record<string, string>;
  before(async () => {
    engines = {
      oldest: (await sh("test/engines/oldest.sh 2>/dev/null")).split("\n").at(-1)!,
      newest: await sh('dirname "$(readlink -f "$(type -P pulumi)")"'),
    };
    await sh("make up");
    images = JSON.parse(await sh("pulumi stack output images --json --stack dev"));
  });

  type Pulumi = (engine: Engine, command: string) => Promise<string>;

  /** Removes the protection of the data, which every stage has, and destroys the stack. */
  async function destroy(pulumi: Pulumi, engine: Engine): Promise<void> {
    await pulumi(engine, "state unprotect --all --yes");
    await pulumi(engine, "destroy --yes --skip-preview");
  }

  /** Runs commands on a stack with a state of its own, which the oldest engine creates. */
  const withStack = (stage: string, use: (pulumi: Pulumi) => Promise<void>) =>
    withCheckout(async (cwd) => {
      writeFileSync(join(cwd, `Pulumi.${stage}.yaml`), stageFile(stage, images));
      const pulumi: Pulumi = (engine, command) =>
        sh(`pulumi ${command} --stack ${stage}`, {
          cwd,
          env: {
            PATH: `${engines[engine]}:${process.env.PATH}`,
            PULUMI_BACKEND_URL: `file://${cwd}/.state`,
          },
        });
      await sh(`mkdir ${cwd}/.state`);
      try {
        await pulumi("oldest", "stack init");
        await use(pulumi);
      } finally {
        await destroy(pulumi, "newest");
        rmSync(join(cwd, ".state"), { recursive: true });
      }
    });

  /** Previews, deploys and removes a stage with one engine; the newest one finds nothing to change. */
  const live = (engine: Engine) =>
    withStack(`${engine}-engine`, async (pulumi) => {
      assert.match(await pulumi(engine, "preview"), /\+ \d+ to create/);
      await pulumi(engine, "up --yes --skip-preview");
      await pulumi(engine, "preview --expect-no-changes");
      if (engine !== "newest") await pulumi("newest", "preview --expect-no-changes");
      await destroy(pulumi, engine);
      assert.doesNotMatch(await pulumi(engine, "stack export"), /kubernetes:apps/);
    });

  it("is tested with two different engines", async () => {
    const [oldest, newest] = await Promise.all(
      Object.values(engines).map((folder) => sh(`${folder}/pulumi version`)),
    );
    assert.equal(oldest, "v3.200.0");
    assert.notEqual(newest, oldest);
  });

  it("is previewed, deployed and removed by the oldest engine and by the newest, side by side", async () => {
    const outcomes = await Promise.allSettled([live("oldest"), live("newest")]);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  });
});
