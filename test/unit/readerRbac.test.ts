/** The rights of an assistant in docs/reader-rbac.yaml: to read what the doctor looks at, no Secret, and nothing else. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import type { Ask } from "../../ops/lib/doctor/access.ts";
import { diagnose } from "../../ops/lib/doctor/diagnose.ts";
import { lookAt } from "../../ops/lib/doctor/look.ts";
import { NAMESPACE, NOW, healthy } from "./support/doctor/snapshot.ts";

const text = readFileSync(new URL("../../docs/reader-rbac.yaml", import.meta.url), "utf8");
const documents: any[] = parseAllDocuments(text).map((each) => {
  assert.deepEqual(each.errors, []);
  return each.toJS();
});
const ofKind = (...kinds: string[]) => documents.filter(({ kind }) => kinds.includes(kind));

/** The rights of a kind of role, such as "deployments.apps list". */
const rightsOf = (...kinds: string[]): readonly string[] =>
  ofKind(...kinds).flatMap(({ rules }) =>
    rules.flatMap(({ apiGroups: [group], resources, verbs }: any) =>
      resources.flatMap((resource: string) =>
        verbs.map((verb: string) => `${group ? `${resource}.${group}` : resource} ${verb}`),
      ),
    ),
  );

const mayList = (kind: string, resource: string) => rightsOf(kind).includes(`${resource} list`);

const resourceOf = (kind: string) => {
  const word = kind.toLowerCase();
  if (word.endsWith("y")) return `${word.slice(0, -1)}ies`;
  return word.endsWith("s") ? `${word}es` : `${word}s`;
};

/** kubectl with the rights of the reader. Only what may be read of a healthy stage comes back. */
function asReader(refused: string[]): Ask {
  const { objects, around } = healthy();
  return (command) => {
    const refuse = () => Promise.resolve({ code: 1, stdout: "", output: "Error: forbidden" });
    const [verb, kinds = "", ...names] = command;
    if (verb !== "get" || kinds.startsWith("--raw")) return refuse();
    const isNamespaced = !names.some((name) => name.startsWith("--namespace="));
    const listed = kinds.split(",").filter((resource) => {
      const own = isNamespaced && ["Role", "ClusterRole"].some((kind) => mayList(kind, resource));
      if (!own)
        refused.push([resource, ...names.filter((name) => !/json|ignore/.test(name))].join(" "));
      return own;
    });
    const plurals = listed.map((resource) => resource.split(".")[0]);
    const items = [...objects, ...around].filter(({ kind, metadata }) =>
      kinds === "namespaces"
        ? kind === "Namespace" && metadata.name === NAMESPACE
        : plurals.includes(resourceOf(kind)) && [undefined, NAMESPACE].includes(metadata.namespace),
    );
    const output = refused.map((what) => `Error from server (Forbidden): ${what}`).join("\n");
    return Promise.resolve({ code: 1, stdout: JSON.stringify({ items }), output });
  };
}

describe("the rights of a reader", () => {
  it("are to read, never Secrets, and never through a pod", () => {
    const rights = rightsOf("Role", "ClusterRole");
    assert.ok(rights.length > 40);
    for (const right of rights) {
      assert.match(right, /^[a-z0-9./-]+ (get|list|watch)$/);
      assert.doesNotMatch(right, /secret|\*|serviceaccount|rbac|proxy|exec|attach|portforward/);
      assert.ok(!right.includes("/") || right === "pods/log get", right);
    }
    assert.ok(rights.includes("pods/log get"));
    for (const { apiGroups } of ofKind("Role", "ClusterRole").flatMap(({ rules }) => rules))
      assert.equal(apiGroups.length, 1);
  });

  it("belong to one account that lives outside of the stage", () => {
    const [{ metadata, automountServiceAccountToken }, ...others] = ofKind("ServiceAccount");
    const { name, namespace } = metadata;
    assert.deepEqual([others, automountServiceAccountToken], [[], false]);
    assert.notEqual(namespace, "todo-app-staging");
    const roles = ofKind("Role", "ClusterRole");
    const bindings = ofKind("RoleBinding", "ClusterRoleBinding");
    assert.deepEqual(
      bindings.map(({ roleRef, metadata: own }) => [roleRef.kind, roleRef.name, own.namespace]),
      roles.map(({ kind, metadata: own }) => [kind, own.name, own.namespace]),
    );
    for (const { subjects } of bindings)
      assert.deepEqual(subjects, [{ kind: "ServiceAccount", name, namespace }]);
    assert.deepEqual(
      ofKind("Namespace").map(({ metadata: own }) => own.name),
      [namespace],
    );
  });

  it("are enough for the doctor, who finds nothing wrong with a healthy stage", async () => {
    const refused: string[] = [];
    const place = { context: "minikube", namespace: NAMESPACE };
    const log = () => Promise.resolve([]);
    const { config } = healthy();
    const found = await lookAt(place, config, NOW, { ask: asReader(refused), log });
    assert.ok(found.objects.length > 20);
    assert.deepEqual(diagnose({ ...healthy(), ...found, drift: undefined }), []);
    assert.deepEqual(
      refused.filter((what) => !what.includes("--namespace=")).sort(),
      [
        "clusterissuers.cert-manager.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        `namespaces ${NAMESPACE} kube-system ingress-nginx`,
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
      ],
      "all else that it asks of the stage and of the cluster is granted",
    );
  });
});
