import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../../ops/lib/errors.ts";
import {
  heldBesidesData,
  refuseDataLoss,
  unprotectData,
} from "../../ops/lib/state/databaseVolume.ts";

const recorded = (type: string, name: string, more: object = {}) => ({
  urn: `urn:pulumi:dev::todo-app::todo-app:index:Postgres$${type}::${name}`,
  type,
  protect: true,
  retainOnDelete: true,
  ...more,
});
const outputs = (spec: object = {}) => ({
  outputs: { metadata: { namespace: "todo-app-dev" }, spec },
});
const CLAIM = "kubernetes:core/v1:PersistentVolumeClaim";
const claim = (more: object = {}) =>
  recorded(CLAIM, "postgres-data", { ...outputs({ storageClassName: "standard" }), ...more });
const cluster = recorded("kubernetes:postgresql.cnpg.io/v1:Cluster", "postgres", {
  outputs: { metadata: { namespace: "todo-app-dev", name: "postgres" }, spec: {} },
});
const namespace = recorded("kubernetes:core/v1:Namespace", "app");
const dev = {
  namespace: "todo-app-dev",
  mode: "in-cluster",
  storageClassName: "",
  clusterName: "postgres",
};

function refusal(
  wanted: Partial<typeof dev> & { readonly recovery?: object },
  resource = claim(),
): OperatorError | undefined {
  try {
    refuseDataLoss("dev", [namespace, resource], { ...dev, ...wanted });
    return undefined;
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
}

describe("a deploy onto a database that holds data", () => {
  for (const [changed, key, from, to] of [
    [{ mode: "external" }, "database.mode", "in-cluster", "external"],
    [{ mode: "cloudnative-pg" }, "database.mode", "in-cluster", "cloudnative-pg"],
    [{ namespace: "other" }, "namespace", "todo-app-dev", "other"],
    [{ storageClassName: "fast" }, "database.storageClassName", "standard", "fast"],
  ] as const)
    it(`is refused if ${key} becomes ${to}, and the error says how to move the data`, () => {
      const error = refusal(changed);
      assert.match(error!.message, /^dev would start with an empty database, and nothing was/);
      assert.ok(error!.message.includes(`\n  todo-app:${key}: ${from} → ${to}\n`), error!.message);
      assert.match(error!.message, /postgres-data/);
      assert.match(error!.fix, /"Move the database" in docs\/backup\.md/);
    });

  it("names every change at once", () => {
    const { message } = refusal({ mode: "external", namespace: "other" })!;
    assert.match(message, /database\.mode: [\s\S]*namespace: /);
  });

  it("goes on if nothing changes, and if the StorageClass in use is stated by name", () => {
    assert.equal(refusal({}), undefined);
    assert.equal(refusal({ storageClassName: "standard" }), undefined);
  });

  it("goes on after the data was unprotected by hand, but not if an older state only lacks the protection", () => {
    assert.equal(refusal({ mode: "external" }, claim({ protect: false })), undefined);
    const older = claim({ protect: undefined, retainOnDelete: undefined });
    assert.ok(refusal({ mode: "external" }, older));
  });

  it("is refused for a CloudNativePG cluster too, whose StorageClass the operator keeps", () => {
    const mode = "cloudnative-pg";
    assert.equal(refusal({ mode, storageClassName: "fast" }, cluster), undefined);
    assert.ok(refusal({ mode: "external" }, cluster));
  });

  it("is refused for another CloudNativePG cluster, and the error says whether that is a new or a recovered one", () => {
    const wanted = { mode: "cloudnative-pg", clusterName: "postgres-2" };
    const empty = refusal(wanted, cluster)!;
    assert.match(
      empty.message,
      /would start with an empty database.*database\.clusterName: postgres → postgres-2/s,
    );
    const recovered = refusal({ ...wanted, recovery: { clusterName: "postgres" } }, cluster)!;
    assert.match(
      recovered.message,
      /would leave its database for one that is recovered from a backup/,
    );
    assert.match(
      recovered.fix,
      /"Recover a CloudNativePG cluster".*pulumi state unprotect --stack dev '.*::postgres'$/,
    );
    const released = { ...cluster, protect: false };
    assert.equal(refusal({ ...wanted, recovery: {} }, released), undefined);
    assert.equal(refusal({ ...dev, clusterName: "postgres-2" }, claim()), undefined);
  });

  it("goes on if the volume is about to be deleted, or does not exist", () => {
    assert.equal(refusal({ mode: "external" }, claim({ delete: true })), undefined);
    refuseDataLoss("dev", [], { ...dev, mode: "external" });
  });
});

describe("the removal of a stage", () => {
  let folder: string;
  const path = process.env.PATH;
  const pulumi = (script: string) => {
    writeFileSync(join(folder, "pulumi"), `#!/bin/bash\n${script}\n`);
    chmodSync(join(folder, "pulumi"), 0o755);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "volume-"));
    process.env.PATH = `${folder}:${path}`;
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  it("is refused because of what the stage protects, but not because of the data, which is always protected", () => {
    assert.deepEqual(heldBesidesData([claim(), cluster]), []);
    assert.deepEqual(heldBesidesData([claim(), namespace]), [namespace]);
  });

  it("unprotects the data, and nothing else", async () => {
    pulumi(`echo "$*" >>${folder}/calls`);
    await unprotectData("dev", [namespace, claim(), claim({ protect: false })]);
    const calls = readFileSync(join(folder, "calls"), "utf8");
    assert.equal(calls, `state unprotect --yes --stack dev ${claim().urn}\n`);
  });

  it("stops if that fails, with the reason and the command", async () => {
    pulumi("echo 'error: no such stack' >&2; exit 1");
    await assert.rejects(unprotectData("dev", [claim()]), (error: OperatorError) => {
      assert.match(error.message, /can't be unprotected: error: no such stack/);
      assert.equal(error.fix, `pulumi state unprotect --stack dev '${claim().urn}'`);
      return true;
    });
  });
});
