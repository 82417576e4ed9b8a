/** What make drift finds in a cluster, whom it names, and what make heal refuses. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { differences, overlay, pathText } from "../../ops/lib/drift/compare.ts";
import { deployedIn } from "../../ops/lib/drift/deployed.ts";
import { findDrift, type DriftedObject } from "../../ops/lib/drift/drift.ts";
import { refuseLostData } from "../../ops/lib/drift/heal.ts";
import { ownerOf } from "../../ops/lib/drift/owner.ts";
import { reportText, settingsFor } from "../../ops/lib/drift/report.ts";

const byHand = (fieldsV1: object, manager = "kubectl-patch", time = "2026-03-02T14:05:11Z") => ({
  ...{ manager, operation: "Update", time, fieldsV1 },
});
const byStack = (fieldsV1: object) => ({
  ...{ manager: "pulumi-kubernetes-1a2b3c4d", operation: "Apply", fieldsV1 },
  time: "2026-03-03T00:00:00Z",
});

const paths = (live: unknown, wanted: unknown) =>
  differences(live, wanted).map(({ path }) => pathText(path));

describe("the comparison of objects", () => {
  it("names each field, elements of lists by their place, and keys with dots in brackets", () => {
    const live = {
      metadata: { labels: { "a.b/c": "1" } },
      spec: {
        containers: [
          { name: "b", image: "x" },
          { name: "a", image: "y" },
        ],
        kept: [1],
      },
    };
    const wanted = {
      metadata: { labels: { "a.b/c": "2" } },
      spec: {
        containers: [
          { name: "a", image: "z" },
          { name: "b", image: "x" },
        ],
        kept: [1],
      },
    };
    assert.deepEqual(paths(live, wanted), ['metadata.labels["a.b/c"]', "spec.containers[1].image"]);
  });

  it("takes a list without names whose length has changed as a whole", () =>
    assert.deepEqual(paths({ rules: [{ port: 1 }, { port: 2 }] }, { rules: [{ port: 1 }] }), [
      "rules",
    ]));

  it("keeps what the stack does not set", () => {
    const live = {
      replicas: 3,
      env: [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ],
      x: 1,
    };
    const set = {
      replicas: 2,
      env: [
        { name: "A", value: "0" },
        { name: "C", value: "3" },
      ],
    };
    assert.deepEqual(overlay(live, set), {
      replicas: 2,
      env: [
        { name: "A", value: "0" },
        { name: "B", value: "2" },
        { name: "C", value: "3" },
      ],
      x: 1,
    });
  });
});

describe("the owner of a field", () => {
  const path = ["spec", "containers", 0, "image"];
  const spec = { containers: [{ name: "web", image: "x" }] };
  const image = { "f:spec": { "f:containers": { 'k:{"name":"web"}': { "f:image": {} } } } };
  const owner = (...managedFields: object[]) =>
    ownerOf({ spec, metadata: { managedFields } }, path);

  it("is who wrote it, not the stack that set it before", () =>
    assert.deepEqual(owner(byStack(image), byHand(image)), {
      manager: "kubectl-patch",
      operation: "Update",
      time: "2026-03-02T14:05:11Z",
    }));

  it("is the last one of several", () =>
    assert.equal(
      owner(byHand(image), byHand(image, "kubectl-edit", "2026-03-02T15:00:00Z"))?.manager,
      "kubectl-edit",
    ));

  it("is who owns the whole list where it can only be owned as a whole", () =>
    assert.equal(owner(byHand({ "f:spec": { "f:containers": {} } }))?.manager, "kubectl-patch"));

  it("is nobody where no entry has the field", () => {
    const other = { "f:spec": { "f:containers": { 'k:{"name":"db"}': { "f:image": {} } } } };
    assert.equal(owner(byHand(other), byHand({ "f:spec": { ".": {}, "f:replicas": {} } })), null);
  });
});

/** A kubectl that reads the live objects from `live.json`, and applies by answering with `applied.<name>.json`. */
const KUBECTL = `#!/bin/bash
cd "\${0%/*}" || exit
echo "$*" >>calls
input=$(cat)
case "$*" in
  *" get --filename=-"*) cat live.json ;;
  *" apply "*)
    name=$(node -e 'console.log(JSON.parse(process.argv[1]).metadata.name)' "$input")
    [[ $name != refused ]] || { echo 'The Service "refused" is invalid: spec.ports: Duplicate' >&2; exit 1; }
    [[ $name != forbidden ]] || { echo 'Error from server (Forbidden): you may not' >&2; exit 1; }
    if [[ -e applied.$name.json ]]; then cat "applied.$name.json"; else echo "$input"; fi ;;
  *) exit 1 ;;
esac
`;

const SIGNED = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
const secret = (value: string) => ({ ...SIGNED, plaintext: JSON.stringify(value) });

const resource = (type: string, inputs: object, more: object = {}) => ({
  urn: `urn:pulumi:qa::todo-app::kubernetes:${type}::x`,
  type: `kubernetes:${type}`,
  inputs,
  outputs: { __fieldManager: "pulumi-kubernetes-1a2b3c4d" },
  ...more,
});
const object = (kind: string, name: string, more: object, managedFields?: object[]) => ({
  apiVersion: kind === "Deployment" ? "apps/v1" : "v1",
  kind,
  metadata: { name, namespace: "qa", ...(managedFields && { managedFields }) },
  ...more,
});

describe("the drift of a cluster", () => {
  let folder: string;
  const path = process.env.PATH;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "drift-"));
    writeFileSync(join(folder, "kubectl"), KUBECTL);
    chmodSync(join(folder, "kubectl"), 0o755);
    process.env.PATH = `${folder}:${path}`;
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  const write = (file: string, content: object) =>
    writeFileSync(join(folder, file), JSON.stringify(content));
  const find = async (resources: object[], live: object[]): Promise<readonly DriftedObject[]> => {
    write("live.json", { items: live });
    const state = { version: 3, deployment: { resources: resources as never } };
    return (await findDrift("qa", deployedIn(state))).map(
      ({ kind, name, gone, holdsData, fields }) => ({ kind, name, gone, holdsData, fields }),
    );
  };

  it("is none where every field that the stack set is as it was, whatever controllers have added", async () => {
    const inputs = object("Deployment", "web", { spec: { replicas: 2 } });
    const live = object("Deployment", "web", { spec: { replicas: 2, extra: 1 }, status: { a: 1 } });
    assert.deepEqual(await find([resource("apps/v1:Deployment", inputs)], [live]), []);
    assert.doesNotMatch(readFileSync(join(folder, "calls"), "utf8"), /apply/);
  });

  it("is none where the API server only writes the same value in another way", async () => {
    const inputs = object("Deployment", "web", { spec: { memory: "1024Mi" } });
    const live = object("Deployment", "web", { spec: { memory: "1Gi" } });
    write("applied.web.json", live);
    assert.deepEqual(await find([resource("apps/v1:Deployment", inputs)], [live]), []);
    const calls = readFileSync(join(folder, "calls"), "utf8");
    assert.match(calls, /--context=qa .*apply --server-side --force-conflicts .*--dry-run=server/);
  });

  it("is a field with both values and its owner", async () => {
    const inputs = object("Deployment", "web", { spec: { replicas: 2 } });
    const managed = [byHand({ "f:spec": { "f:replicas": {} } }, "kubectl-edit")];
    const live = object("Deployment", "web", { spec: { replicas: 3 } }, managed);
    const [found, ...others] = await find([resource("apps/v1:Deployment", inputs)], [live]);
    assert.deepEqual(others, []);
    assert.deepEqual(found!.fields, [
      {
        path: "spec.replicas",
        expected: 2,
        actual: 3,
        secret: false,
        owner: { manager: "kubectl-edit", operation: "Update", time: "2026-03-02T14:05:11Z" },
      },
    ]);
  });

  it("is no number of pods that an autoscaler has set", async () => {
    const inputs = object("Deployment", "web", { spec: { replicas: 2, paused: false } });
    const spec = { scaleTargetRef: { kind: "Deployment", name: "web" } };
    const scaler = object("HorizontalPodAutoscaler", "web", { spec });
    const live = object("Deployment", "web", { spec: { replicas: 7, paused: true } });
    const [found] = await find(
      [resource("apps/v1:Deployment", inputs), resource("autoscaling/v2:X", scaler)],
      [live, scaler],
    );
    assert.deepEqual(
      found!.fields.map((field) => field.path),
      ["spec.paused"],
    );
  });

  for (const [manager, sent] of [
    ["kube-controller-manager", { paused: false }],
    ["pulumi-kubernetes-1a2b3c4d", { paused: false, replicas: 7 }],
  ] as const)
    it(`is put back without the number of pods of an autoscaler, which ${manager} owns`, async () => {
      const inputs = object("Deployment", "web", { spec: { replicas: 2, paused: false } });
      const spec = { scaleTargetRef: { kind: "Deployment", name: "web" } };
      const scaler = object("HorizontalPodAutoscaler", "web", { spec });
      const managed = [byHand({ "f:spec": { "f:replicas": {} } }, manager)];
      const live = object("Deployment", "web", { spec: { replicas: 7, paused: true } }, managed);
      write("live.json", { items: [live, scaler] });
      const resources = [
        resource("apps/v1:Deployment", inputs),
        resource("autoscaling/v2:X", scaler),
      ] as never;
      const deployed = deployedIn({ version: 3, deployment: { resources } });
      const [found] = await findDrift("qa", deployed);
      assert.deepEqual(JSON.parse(JSON.stringify(found!.deployed.manifest.spec)), sent);
    });

  it("never has the value of a Secret", async () => {
    const inputs = object("Secret", "keys", { stringData: { KEY: secret("old-value") } });
    const data = (value: string) => ({ data: { KEY: Buffer.from(value).toString("base64") } });
    const managed = [byHand({ "f:data": { "f:KEY": {} } })];
    const live = object("Secret", "keys", data("new-value"), managed);
    const all = [resource("core/v1:Secret", inputs)];
    const found = await find(all, [live]);
    const [field] = found[0]!.fields;
    assert.deepEqual(Object.keys(field!).sort(), ["owner", "path", "secret"]);
    assert.deepEqual([field!.path, field!.owner?.manager], ["data.KEY", "kubectl-patch"]);
    assert.deepEqual(await find(all, [object("Secret", "keys", data("old-value"))]), []);
  });

  it("is an object that is gone, without those that the stack only reads or is about to delete", async () => {
    const inputs = (name: string) => object("ConfigMap", name, { data: {} });
    const found = await find(
      [
        resource("core/v1:ConfigMap", inputs("gone")),
        resource("core/v1:ConfigMap", inputs("read"), { external: true }),
        resource("core/v1:ConfigMap", inputs("old"), { delete: true }),
      ],
      [],
    );
    assert.deepEqual(
      found.map(({ name, gone }) => [name, gone]),
      [["gone", true]],
    );
  });

  it("is also found where the API server refuses to set the field again", async () => {
    const inputs = object("Service", "refused", { spec: { ports: [{ name: "http", port: 80 }] } });
    const live = object("Service", "refused", { spec: { ports: [{ name: "http", port: 81 }] } });
    const [found] = await find([resource("core/v1:Service", inputs)], [live]);
    assert.deepEqual(
      found!.fields.map((field) => [field.path, field.expected, field.actual]),
      [["spec.ports[0].port", 80, 81]],
    );
  });

  it("is an error where the credentials may not compare", async () => {
    const inputs = object("Service", "forbidden", { spec: { type: "ClusterIP" } });
    const live = object("Service", "forbidden", { spec: { type: "NodePort" } });
    await assert.rejects(find([resource("core/v1:Service", inputs)], [live]), {
      message: "Service forbidden can't be compared: Error from server (Forbidden): you may not",
    });
  });
});

const drifted = (more: Partial<DriftedObject>): DriftedObject => ({
  ...{ kind: "Deployment", name: "backend", gone: false, holdsData: false, fields: [] },
  ...more,
});
const field = (path: string, expected: unknown, actual: unknown) => ({
  ...{ path, expected, actual, secret: false, owner: null },
});
const VOLUME = { kind: "PersistentVolumeClaim", name: "postgres-data", holdsData: true };

describe("the report of a drift", () => {
  const place = { stage: "qa", context: "company", namespace: "todo-app-qa" };

  it("says what was changed, by whom, and what can be done", () => {
    const owner = { manager: "kubectl-edit", operation: "Update", time: "2026-03-02T14:05:11Z" };
    const objects = [
      drifted({ fields: [{ ...field("spec.replicas", 2, 3), owner }] }),
      drifted({
        kind: "Secret",
        name: "keys",
        fields: [{ path: "data.KEY", secret: true, owner: null }],
      }),
      drifted({ ...VOLUME, gone: true }),
    ];
    assert.equal(
      reportText({ ...place, drifted: true, objects }),
      `changed by hand in qa, namespace todo-app-qa of context company (deployed → now):
  Deployment backend
    spec.replicas: 2 → 3
      by kubectl-edit (Update, 2026-03-02T14:05:11Z)
  Secret keys
    data.KEY: differs, values not shown
      nobody owns it now
  PersistentVolumeClaim postgres-data is gone, with the data that it held
make heal STAGE=qa puts back what the stack sets
to keep a change instead, set it in the stage file, as a value of backend.replicas
`,
    );
  });

  it("says so where nothing was changed", () =>
    assert.equal(
      reportText({ ...place, drifted: false, objects: [] }),
      "qa is as it was deployed, namespace todo-app-qa of context company\n",
    ));

  it("names the setting of each field that has one, once", () =>
    assert.deepEqual(
      settingsFor([
        drifted({
          fields: [
            field("spec.template.spec.containers[0].image", "a", "b"),
            field("spec.template.spec.containers[0].resources.limits.memory", "a", "b"),
            field("spec.template.spec.containers[0].resources.requests.memory", "a", "b"),
            field("metadata.labels.x", "a", "b"),
          ],
        }),
      ]),
      ["images.backend", "backend.resources"],
    ));
});

describe("make heal", () => {
  it("refuses to replace what held the data by something empty", () =>
    assert.throws(() => refuseLostData("qa", [drifted({ ...VOLUME, gone: true })]), {
      message:
        "what holds the data of qa can't be put back, and nothing was changed:\n" +
        "  PersistentVolumeClaim postgres-data is gone",
    }));

  it("refuses to shrink a volume", () => {
    const fields = [field("spec.resources.requests.storage", "1Gi", "2Gi")];
    assert.throws(() => refuseLostData("qa", [drifted({ ...VOLUME, fields })]), /has another spec/);
  });

  it("puts back everything else", () => {
    const label = [field("metadata.labels.x", "a", "b")];
    refuseLostData("qa", [drifted({ gone: true }), drifted({ ...VOLUME, fields: label })]);
  });
});
