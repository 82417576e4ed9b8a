/** The stack works with the oldest supported engine as with the newest, and with a state that the oldest one wrote. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { sh, withCheckout } from "./support/shell.ts";

const STAGE = "engines";

/** A small stage with the images of dev. */
const stageFile = (images: Readonly<Record<string, string>>) => {
  const small = { replicas: 1 };
  return stringify({
    config: {
      "pulumi:disable-default-providers": ["kubernetes"],
      "todo-app:kubernetesContext": "minikube",
      "todo-app:host": "engines.todo-app.local",
      "todo-app:images": { registry: "localhost:5000", ...images },
      "todo-app:backend": small,
      "todo-app:frontend": small,
    },
  });
};

describe("the stack", function () {
  this.timeout(900_000);
  let engines: Readonly<Record<"oldest" | "newest", string>>;
  let images: Record<string, string>;
  before(async () => {
    engines = {
      oldest: (await sh("test/engines/oldest.sh 2>/dev/null")).split("\n").at(-1)!,
      newest: await sh('dirname "$(readlink -f "$(type -P pulumi)")"'),
    };
    await sh("make up");
    images = JSON.parse(await sh("pulumi stack output images --json --stack dev"));
  });

  type Pulumi = (engine: keyof typeof engines, command: string) => Promise<string>;

  /** Removes the protection of the data, which every stage has, and destroys the stack. */
  async function destroy(pulumi: Pulumi, engine: keyof typeof engines): Promise<void> {
    await pulumi(engine, "state unprotect --all --yes");
    await pulumi(engine, "destroy --yes --skip-preview");
  }

  /** Runs commands of one engine on a state of their own. */
  const withStack = (use: (pulumi: Pulumi) => Promise<void>) =>
    withCheckout(async (cwd) => {
      writeFileSync(join(cwd, `Pulumi.${STAGE}.yaml`), stageFile(images));
      const pulumi: Pulumi = (engine, command) =>
        sh(`pulumi ${command} --stack ${STAGE}`, {
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

  it("is tested with two different engines", async () => {
    const [oldest, newest] = await Promise.all(
      Object.values(engines).map((folder) => sh(`${folder}/pulumi version`)),
    );
    assert.equal(oldest, "v3.200.0");
    assert.notEqual(newest, oldest);
  });

  it("is previewed, deployed and removed by the oldest engine", () =>
    withStack(async (pulumi) => {
      assert.match(await pulumi("oldest", "preview"), /\+ \d+ to create/);
      await pulumi("oldest", "up --yes --skip-preview");
      await pulumi("oldest", "preview --expect-no-changes");
      await pulumi("newest", "preview --expect-no-changes");
      await destroy(pulumi, "oldest");
      assert.doesNotMatch(await pulumi("oldest", "stack export"), /kubernetes:apps/);
    }));

  it("is previewed, deployed and removed by the newest engine", () =>
    withStack(async (pulumi) => {
      assert.match(await pulumi("newest", "preview"), /\+ \d+ to create/);
      await pulumi("newest", "up --yes --skip-preview");
      await pulumi("newest", "preview --expect-no-changes");
      await destroy(pulumi, "newest");
      assert.doesNotMatch(await pulumi("newest", "stack export"), /kubernetes:apps/);
    }));
});
