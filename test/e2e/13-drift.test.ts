/** Ten kinds of change by hand are shown with who made them, and put back by one command. */
import assert from "node:assert/strict";
import type { Report } from "../../ops/lib/drift/report.ts";
import { attempt, kubectl, sh } from "./support/shell.ts";

/** The exit code for drift that was found. */
const FOUND = 3;

async function drift() {
  const line = "node ops/drift.ts dev --json --exit-code 2>/dev/null";
  const { code, output } = await attempt(line);
  return { code, report: JSON.parse(output) as Report };
}

/** The name of an auto-named object that the backend's pods use. */
const nameAt = (path: string) =>
  kubectl(`get deployment backend -o jsonpath='{.spec.template.spec.${path}}'`);

const patch = (object: string, ...operations: object[]) =>
  kubectl(`patch ${object} --type=json --patch '${JSON.stringify(operations)}'`);
const replace = (path: string, value: unknown) => ({ op: "replace", path, value });

/** The changes of the Deployment: where they are for kubectl, where make drift says that they are, and the new values. */
const CHANGES = [
  ["/spec/replicas", "spec.replicas", 3],
  [
    "/metadata/labels/app.kubernetes.io~1managed-by",
    'metadata.labels["app.kubernetes.io/managed-by"]',
    "hand",
  ],
  [
    "/spec/template/metadata/annotations/todo-app~1image-revision",
    'spec.template.metadata.annotations["todo-app/image-revision"]',
    "hand",
  ],
  [
    "/spec/template/spec/containers/0/image",
    "spec.template.spec.containers[0].image",
    "localhost:5000/no-such-image:v0",
  ],
  [
    "/spec/template/spec/containers/0/resources/limits/memory",
    "spec.template.spec.containers[0].resources.limits.memory",
    "300Mi",
  ],
  [
    "/spec/template/spec/terminationGracePeriodSeconds",
    "spec.template.spec.terminationGracePeriodSeconds",
    90,
  ],
] as const;

describe("make drift and make heal", () => {
  let settings: string;
  let secret: string;
  let key: string;

  before(async () => {
    settings = await nameAt("containers[0].envFrom[0].configMapRef.name");
    const secrets = await kubectl("get secrets -o name");
    secret = /^secret\/(secrets-backend-\S+)$/m.exec(secrets)![1]!;
    const data = await kubectl(`get secret ${secret} -o jsonpath='{.data}'`);
    key = Object.keys(JSON.parse(data) as object)[0]!;
    await patch(
      "deployment backend",
      ...CHANGES.map(([pointer, , value]) => replace(pointer, value)),
    );
    await patch(`configmap ${settings}`, replace("/data/FRONTEND_URL", "http://hand.example.com"));
    await patch(`secret ${secret}`, replace(`/data/${key}`, "aGFuZA=="));
    await patch("service backend", replace("/spec/ports/0/port", 8001));
    await patch("networkpolicy backend", { op: "add", path: "/spec/ingress/-", value: {} });
    await kubectl("delete poddisruptionbudget backend");
  });
  after(() => sh("make up"));

  it("shows each change with its values and its owner, and changes nothing", async () => {
    const { code, report } = await drift();
    assert.equal(code, FOUND);
    const found = new Map(
      report.objects.flatMap(({ kind, name, fields }) =>
        fields.map((field) => [`${kind} ${name} ${field.path}`, field] as const),
      ),
    );
    for (const [, path, value] of CHANGES)
      assert.equal(found.get(`Deployment backend ${path}`)?.actual, value, path);
    assert.equal(found.get("Deployment backend spec.replicas")?.expected, 2);
    const setting = found.get(`ConfigMap ${settings} data.FRONTEND_URL`);
    assert.deepEqual(
      [setting?.expected, setting?.actual],
      ["http://todo-app.local", "http://hand.example.com"],
    );
    const port = found.get("Service backend spec.ports[0].port");
    assert.deepEqual([port?.expected, port?.actual], [8000, 8001]);
    const rules = found.get("NetworkPolicy backend spec.ingress");
    const [expected, actual] = [rules?.expected, rules?.actual] as unknown[][];
    assert.equal(actual?.length, expected!.length + 1);
    const value = [...found].find(([name]) => name.startsWith(`Secret ${secret} `))![1];
    assert.deepEqual(Object.keys(value).sort(), ["owner", "path", "secret"]);
    assert.equal(found.size, CHANGES.length + 4, [...found.keys()].join("\n"));
    for (const [name, { owner }] of found) {
      assert.deepEqual([owner?.manager, owner?.operation], ["kubectl-patch", "Update"], name);
      assert.ok(Date.now() - Date.parse(owner!.time!) < 600_000, name);
    }
    const gone = report.objects.filter((object) => object.gone);
    assert.deepEqual(
      gone.map(({ kind, name }) => `${kind} ${name}`),
      ["PodDisruptionBudget backend"],
    );
  });

  it("puts back all of them, after which there is no drift and nothing to deploy", async () => {
    const output = await sh("make heal");
    assert.match(output, /^changed by hand in dev, /m);
    assert.match(output, /^ {4}spec\.replicas: 2 → 3\n {6}by kubectl-patch \(Update, 20/m);
    assert.doesNotMatch(output, /aGFuZA==/);
    assert.match(output, /^dev is as its stack sets it$/m);
    const { code, report } = await drift();
    assert.deepEqual([code, report.objects], [0, []]);
    await sh("pulumi preview --stack dev --expect-no-changes");
    await sh("curl -fsS http://todo-app.local/api/openapi.json");
  });

  it("names what a heal that was ended halfway has left, and make up puts it back", async () => {
    await kubectl("delete poddisruptionbudget backend");
    await sh("pulumi refresh --yes --stack dev"); // as the heal does it first
    const output = await sh("make heal");
    assert.match(output, /^dev is as it was deployed, /m);
    assert.match(output, /^the checkout differs from that, .* make up STAGE=dev deploys it$/m);
    await sh("make up");
    await kubectl("get poddisruptionbudget backend");
  });
});
