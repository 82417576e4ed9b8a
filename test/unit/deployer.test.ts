/** The rights of a pipeline in docs/deployer-rbac.yaml: everything that a deploy needs, and nothing else. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { clusterFindings } from "../../ops/lib/preflight/clusterNeeds.ts";
import type { Reading } from "../../ops/lib/preflight/clusterApi.ts";
import { secretOf } from "../../ops/lib/revisions/store.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import { KINDS } from "../../ops/lib/watch/objects.ts";
import { STAGES, stageConfig } from "./support/stages.ts";

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

const documents: any[] = parseAllDocuments(file("docs/deployer-rbac.yaml")).map((each) =>
  each.toJS(),
);
const ofKind = (...kinds: string[]) => documents.filter(({ kind }) => kinds.includes(kind));

const STAGE = "todo-app-staging";
const CLUSTER = "the cluster";

/** Rights as lines, such as "todo-app-staging: apps/deployments get". */
class Rights {
  readonly lines = new Set<string>();

  add(scope: string, group: string, resource: string, verbs: readonly string[], name = ""): void {
    for (const verb of verbs)
      this.lines.add(`${scope}: ${group}/${resource}${name && `/${name}`} ${verb}`);
  }
}

const GROUPS: Readonly<Record<string, string>> = {
  deployments: "apps",
  replicasets: "apps",
  statefulsets: "apps",
  jobs: "batch",
};

function pluralOf(kind: string): string {
  const word = kind.toLowerCase();
  if (word.endsWith("y")) return `${word.slice(0, -1)}ies`;
  return word.endsWith("s") ? `${word}es` : `${word}s`;
}

const WRITE = ["create", "delete", "get", "list", "patch", "watch"];

/**
 * What the kubernetes provider reads besides an object while it waits for it, or when it reads it again. For a Deployment, it
 * looks at the claims of its volumes.
 */
const READ_WITH: Readonly<Record<string, readonly (readonly [string, readonly string[]])[]>> = {
  Deployment: [
    ["replicasets", ["list", "watch"]],
    ["pods", ["list", "watch"]],
    ["persistentvolumeclaims", ["list", "watch"]],
  ],
  StatefulSet: [["pods", ["list", "watch"]]],
  Job: [
    ["pods", ["list", "watch"]],
    ["pods/log", ["get"]],
  ],
  Ingress: [
    ["endpoints", ["list"]],
    ["services", ["list"]],
  ],
};

/** For the objects of a stage. */
function addObjects(rights: Rights, stage: string): void {
  const resources: any[] = JSON.parse(file(`test/golden/${stage}.json`));
  for (const { type, inputs } of resources) {
    if (!type.startsWith("kubernetes:")) continue;
    const { apiVersion, kind } = inputs;
    const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
    // An administrator creates and deletes the namespace.
    const verbs = kind === "Namespace" ? ["get", "patch"] : WRITE;
    rights.add(STAGE, group, pluralOf(kind), verbs);
    for (const [resource, reads] of READ_WITH[kind] ?? [])
      rights.add(STAGE, GROUPS[resource] ?? "", resource, reads);
    rights.add(STAGE, "", "events", ["list", "watch"]);
  }
}

/** For a request of `kubectl get --raw`. Every user may read versions and what there is in a group. */
function addRequest(rights: Rights, path: string): void {
  const [route = ""] = path.split("?");
  const match =
    /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/(.+))?$/.exec(route);
  if (!match) return;
  const [, group = "", namespace = CLUSTER, resource = "", name] = match;
  rights.add(namespace, group, resource, [name ? "get" : "list"], name);
}

/** For what preflight reads of the cluster of a stage. */
async function addPreflight(rights: Rights, stage: string): Promise<void> {
  const read = (path: string): Promise<Reading> => {
    addRequest(rights, path);
    return Promise.resolve({ state: "absent" });
  };
  const config = effectiveConfig(stage, stageConfig(stage));
  assert.ok(config);
  await clusterFindings(config, { context: stage, kind: "other", read }, `todo-app-${stage}`);
}

/** For the other requests of the commands. */
function addCommands(rights: Rights): void {
  for (const resource of KINDS.split(","))
    rights.add(STAGE, GROUPS[resource] ?? "", resource, ["list"]);
  // `kubectl logs` reads the pod first.
  rights.add(STAGE, "", "pods", ["get"]);
  rights.add(STAGE, "", "pods/log", ["get"]);
  const { kind } = secretOf({ number: 1 } as never);
  rights.add(STAGE, "", pluralOf(kind), ["create", "delete", "list"]);
  rights.add("kube-system", "", "namespaces", ["get"]);
}

describe("the rights of a deployer", () => {
  it("are those that the objects of the stages and the commands need, and no others", async () => {
    const needed = new Rights();
    for (const stage of STAGES) {
      addObjects(needed, stage);
      await addPreflight(needed, stage);
    }
    addCommands(needed);

    const granted = new Rights();
    for (const { metadata, rules } of ofKind("Role", "ClusterRole"))
      for (const { apiGroups, resources, resourceNames = [""], verbs } of rules)
        for (const group of apiGroups)
          for (const resource of resources)
            for (const name of resourceNames)
              granted.add(metadata.namespace ?? CLUSTER, group, resource, verbs, name);

    assert.deepEqual([...granted.lines].sort(), [...needed.lines].sort());
    for (const line of granted.lines)
      assert.doesNotMatch(line, /\*|exec|rbac|escalate|bind\b|impersonate|token/);
  });

  it("belong to one account that lives outside of the stage", () => {
    const [account] = ofKind("ServiceAccount");
    const { name, namespace } = account.metadata;
    assert.notEqual(namespace, STAGE);
    for (const { kind, metadata } of ofKind("Role", "ClusterRole")) {
      const [binding, ...others] = ofKind(`${kind}Binding`).filter(
        ({ roleRef, metadata: own }) =>
          roleRef.name === metadata.name && own.namespace === metadata.namespace,
      );
      assert.deepEqual(others, []);
      assert.equal(binding.roleRef.kind, kind);
      assert.deepEqual(binding.subjects, [{ kind: "ServiceAccount", name, namespace }]);
    }
    assert.equal(
      ofKind("RoleBinding", "ClusterRoleBinding").length,
      ofKind("Role", "ClusterRole").length,
    );
  });

  it("can be removed without the stage: its namespace is not in the file", () => {
    assert.deepEqual(
      ofKind("Namespace").map(({ metadata }) => metadata.name),
      ["todo-app-deployer"],
    );
  });
});
