/** An assistant with the rights of docs/reader-rbac.yaml: the commands of docs/assistants.md as they are written, on staging. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../../../ops/lib/doctor/report.ts";
import { blocksBelow, commandsOf } from "../../unit/support/documentedCommands.ts";
import { attempt, eventually, sh } from "../support/shell.ts";
import { staging, trustedRoot } from "./support.ts";

const ADMIN = "kubectl --context staging";

describe("a reader with the rights of docs/reader-rbac.yaml", () => {
  const [rights, kubeconfig, checks] = blocksBelow("docs/assistants.md", "A reader");
  let home: string;
  let env: { readonly KUBECONFIG: string };

  before(async () => {
    await staging.rolledOut();
    home = mkdtempSync(join(tmpdir(), "todo-app-reader-"));
    env = { KUBECONFIG: join(home, "reader.kubeconfig") };
    await sh(rights!.text);
    await sh(kubeconfig!.text, { env: { HOME: home } });
  });
  after(async () => {
    rmSync(home, { recursive: true });
    for (const stage of ["staging", "production"])
      await sh(
        `sed s/todo-app-staging/todo-app-${stage}/g docs/reader-rbac.yaml | ${ADMIN} delete --wait=false --ignore-not-found -f -`,
      );
  });

  it("may do what the page says that the checks answer, and nothing more", async () => {
    const [first, ...others] = commandsOf(checks!).map(({ text }) => text);
    await eventually(10, async () => assert.equal(await sh(first!, { env }), "yes"));
    assert.equal(others.length, 3);
    for (const check of others) {
      const { code, output } = await attempt(check, { env });
      assert.deepEqual([code, output.trim()], [1, "no"], check);
    }
  });

  it("can let the doctor look at the stage, who finds nothing wrong", async () => {
    const file = await sh("local/stage-file staging");
    // After the deploy of another test, it names the autoscaler until the new pods have figures.
    await eventually(120, async () => {
      const { output } = await attempt(`node ops/doctor.ts staging ${file} --json 2>/dev/null`, {
        env,
      });
      assert.deepEqual((JSON.parse(output) as Report).findings, []);
    });
  });

  it("may be an agent in the cluster, whose rights are checked in the same way", async () => {
    const [check] = blocksBelow("docs/assistants.md", "kagent").flatMap(commandsOf);
    const ask = check!.text.replace("<account>", "agent");
    const binding = `rolebinding agent --namespace ${staging.namespace}`;
    await sh(`${ADMIN} create ${binding} --role todo-app-reader --serviceaccount kagent:agent`);
    try {
      await eventually(10, async () =>
        assert.equal(await sh(ask.replace("get secrets", "get pods")), "yes"),
      );
      const { code, output } = await attempt(ask);
      assert.deepEqual([code, output.trim()], [1, "no"]);
    } finally {
      await sh(`${ADMIN} delete ${binding}`);
    }
  });
});

describe("the commands of docs/local-cluster.md", () => {
  const [, preview, curl] = blocksBelow("docs/local-cluster.md", "All stages side by side");

  it("preview a stage by hand with its merged file", async () => {
    assert.match(await sh(preview!.text), /\d+ unchanged/);
  });

  it("open the page of a stage with the certificates of this machine", async () => {
    await trustedRoot(); // certificates from before the ACME server's last start are renewed
    const state = process.env.XDG_STATE_HOME ?? "~/.local/state";
    assert.match(await sh(curl!.text.replace("~/.local/state", state)), /<html|sign-in/);
  });

  it("give a shell the settings of a stage, as docs/operations.md has it", async () => {
    const [settings] = blocksBelow("docs/operations.md", "Operations");
    assert.match(await sh(settings!.text), /Ready/);
  });
});
