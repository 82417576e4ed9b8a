/** A pipeline deploys staging, tests it and rolls it back with the rights of docs/deployer-rbac.yaml, and can do nothing outside. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Report } from "../../../ops/lib/smoke/smoke.ts";
import { blocksBelow } from "../../unit/support/documentedCommands.ts";
import { attempt, eventually, sh } from "../support/shell.ts";
import { failed } from "../support/smoke.ts";
import { staging, trustedRoot } from "./support.ts";

const ADMIN = "kubectl --context staging";

const settings = () =>
  staging.kubectl(
    "get configmaps --selector app.kubernetes.io/name=backend -o jsonpath='{.items[*].data.LLM_MODEL}'",
  );

describe("a deployer with the rights of docs/deployer-rbac.yaml", () => {
  let folder: string;
  /** The stage file that `make up STAGE=staging` uses here. */
  let file: string;
  let env: { readonly KUBECONFIG: string };

  /** Runs a command as the pipeline, which must succeed. */
  const run = (line: string) => sh(line, { env });
  const json = async (line: string) => JSON.parse(await run(`${line} --json 2>/dev/null`));

  before(async () => {
    await trustedRoot(); // certificates from before the ACME server's last start are renewed
    await staging.rolledOut();
    folder = mkdtempSync(join(tmpdir(), "todo-app-deployer-"));
    env = { KUBECONFIG: join(folder, "deployer.kubeconfig") };
    file = await sh("local/stage-file staging");
    const [rights, token] = blocksBelow("docs/pipelines.md", "The deployer of a pipeline");
    await sh(rights!.text);
    // Without the deploy, for which a stage on the local cluster needs its merged file.
    await sh(token!.text.replace(/^make up .*\n/m, ""), { cwd: folder });
    const mayGet = `${ADMIN} --namespace ${staging.namespace} auth can-i get secrets`;
    await eventually(10, async () => assert.equal(await run(mayGet), "yes"));
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    for (const stage of ["staging", "production"])
      await sh(
        `sed s/todo-app-staging/todo-app-${stage}/g docs/deployer-rbac.yaml | kubectl --context ${stage} delete --wait=false --ignore-not-found -f -`,
      );
  });

  it("deploys what is deployed already, and finds everything that preflight looks for", async () => {
    const output = await run(`node ops/up.ts staging ${file}`);
    assert.match(output, /^staging is up: https:/m);
    const { passed, warnings } = await json(`node ops/preflight.ts staging ${file}`);
    assert.deepEqual([passed, warnings], [true, []]);
  });

  it("deploys a change, sees it in the history, tests it, and rolls it back", async () => {
    const model = await settings();
    const { config, ...rest } = parse(readFileSync(file, "utf8"));
    const llm = { ...config["todo-app:llm"], model: "of-the-deployer" };
    const changed = join(folder, "Pulumi.staging.yaml");
    writeFileSync(changed, stringify({ ...rest, config: { ...config, "todo-app:llm": llm } }), {
      mode: 0o600,
    });
    await run(`node ops/up.ts staging ${changed}`);
    // Its predecessor is deleted once no pod uses it.
    assert.equal(await settings(), "of-the-deployer");

    const { revisions } = await json(`node ops/history.ts staging ${file}`);
    assert.match(revisions[0].differences.join(), /llm\.model .*of-the-deployer/);
    const report = (await json(`node ops/smoke.ts staging ${file} --read-only`)) as Report;
    assert.deepEqual(failed(report), []);

    await run(`node ops/rollback.ts staging ${file}`);
    assert.equal(await settings(), model);
  });

  it("is refused everything outside of the stage, more rights, and commands in pods", async () => {
    const inside = `--namespace ${staging.namespace}`;
    for (const command of [
      "get secrets --namespace todo-app-production",
      "get secrets --all-namespaces",
      "get configmaps --namespace kube-system",
      "get namespace todo-app-production",
      "delete namespace todo-app-staging --dry-run=server",
      "create namespace of-the-deployer",
      "create clusterrole of-the-deployer --verb get --resource pods",
      `create rolebinding of-the-deployer --clusterrole admin --serviceaccount todo-app-deployer:todo-app-staging ${inside}`,
      "create token todo-app-staging --namespace todo-app-deployer",
      `exec deployment/backend ${inside} -- true`,
    ]) {
      const { code, output } = await attempt(`${ADMIN} ${command}`, { env });
      assert.notEqual(code, 0, command);
      assert.match(output, /forbidden/i, command);
    }
  });
});
