/** What is declared for CloudNativePG and its plugin for backups, against their CustomResourceDefinitions in the real API server. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { NAMESPACE, attempt, kubectl } from "./support/shell.ts";

const APPLY = "apply --server-side --dry-run=server --validate=strict";

describe("backups of CloudNativePG", () => {
  let folder: string;
  // In a process of its own: the recorder changes the environment.
  const text = execFileSync("node", ["test/e2e/support/clusterObjects.ts"], { encoding: "utf8" });
  before(() => (folder = mkdtempSync(join(tmpdir(), "todo-app-cloudnative-pg-"))));
  after(() => rmSync(folder, { recursive: true }));

  const apply = (manifests: string) => {
    const file = join(folder, "objects.yaml");
    writeFileSync(file, manifests);
    return attempt(`kubectl --context minikube --namespace ${NAMESPACE} ${APPLY} -f ${file}`);
  };

  it("are declared by objects that the API server accepts, without an unknown field", async () => {
    const { code, output } = await apply(text);
    assert.equal(code, 0, output);
    const kinds = output.match(/^\w+/gm)?.sort();
    assert.deepEqual(kinds, [
      "backup",
      ...Array<string>(3).fill("cluster"),
      "objectstore",
      ...Array<string>(2).fill("scheduledbackup"),
    ]);
    assert.equal(await kubectl("get clusters.postgresql.cnpg.io -o name"), "", "nothing is left");
  });

  for (const [kind, change, refusal] of [
    ["ObjectStore", { retentionPolicy: "14" }, /retentionPolicy.*should match/],
    ["ObjectStore", { keep: 14 }, /\.spec\.keep: field not declared/],
    ["ScheduledBackup", { method: "dump" }, /method: Unsupported value: "dump"/],
    ["Cluster", { backups: {} }, /\.spec\.backups: field not declared/],
  ] as const)
    it(`would be refused with ${JSON.stringify(change)} in the ${kind}`, async () => {
      const found = parseAllDocuments(text)
        .map((document): any => document.toJS())
        .find((object) => object.kind === kind);
      const { code, output } = await apply(
        stringify({ ...found, spec: { ...found.spec, ...change } }),
      );
      assert.notEqual(code, 0);
      assert.match(output, refusal);
    });
});
