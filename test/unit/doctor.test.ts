/** Which cause the doctor names for what a cluster shows. The stage is only described by objects. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { diagnose } from "../../ops/lib/doctor/diagnose.ts";
import { reportOf, reportText } from "../../ops/lib/doctor/report.ts";
import { RULES } from "../../ops/lib/doctor/table.ts";
import { FAULTS } from "./support/doctor/faults.ts";
import { change, healthy, made, object, plus, waiting, badPod } from "./support/doctor/snapshot.ts";

describe("the doctor", () => {
  it("finds nothing wrong with a healthy stage, and says in one line what it has looked at", () => {
    assert.deepEqual(diagnose(healthy()), []);
    assert.match(
      reportText(reportOf(healthy())),
      /^nothing is wrong with dev, namespace todo-app-dev of context minikube: looked at 5 pods, \d+ objects, 2 nodes, the database as a pod sees it, changes by hand, by \d+ rules\n$/,
    );
  });

  for (const { name, rule, snapshot, says, follows = [] } of FAULTS)
    it(`names ${name}: ${rule}`, () => {
      const findings = diagnose(snapshot());
      const [first] = findings;
      assert.equal(first?.rule, rule, JSON.stringify(findings, null, 1));
      const text = reportText(reportOf(snapshot()));
      assert.match(text, says);
      for (const part of [first.problem, first.cause, first.fix]) assert.ok(part.length > 10, text);
      const below = first.follows.map((finding) => finding.rule);
      for (const each of follows) assert.ok(below.includes(each), `${each} follows: ${text}`);
      assert.deepEqual(
        findings.map((finding) => finding.rule),
        [rule],
        "one cause, and the rest follows from it",
      );
    });

  it("takes nothing for down that it may not look at", () => {
    const hidden = (resource: string, namespace: string) =>
      `Error from server (Forbidden): ${resource} is forbidden: User "reader" cannot list resource "${resource}" in API group "" in the namespace "${namespace}"`;
    const unread = [hidden("pods", "ingress-nginx"), hidden("services", "guard")];
    const rulesOf = (snapshot: Parameters<typeof diagnose>[0]) =>
      diagnose(snapshot).map(({ rule }) => rule);
    for (const rule of ["controller-down", "webhook-down"]) {
      const { snapshot } = FAULTS.find((fault) => fault.rule === rule)!;
      assert.deepEqual(rulesOf(snapshot()), [rule]);
      assert.ok(!rulesOf({ ...snapshot(), unread }).includes(rule));
    }
  });

  it("has a fault for every rule, and a rule for every name that another one explains", () => {
    const names = RULES.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.deepEqual(
      names.filter((name) => !FAULTS.some(({ rule }) => rule === name)),
      [],
    );
    for (const { name, explains = [] } of RULES)
      for (const other of explains) {
        assert.ok(names.includes(other), `${name} explains ${other}`);
        assert.ok(names.indexOf(name) < names.indexOf(other), `${name} comes before ${other}`);
      }
  });

  it("names the cluster in every command of a fix", () => {
    for (const { snapshot } of FAULTS)
      for (const { fix } of diagnose(snapshot()))
        for (const [command] of fix.matchAll(/kubectl \S+/g))
          assert.equal(command, "kubectl --context", fix);
  });

  it("puts what happens to one workload under its own cause only", () => {
    const broken = made(
      badPod(waiting("InvalidImageName", "invalid reference format")),
      change("EndpointSlice", "frontend-x", (slice) => (slice.endpoints = [])),
      change("EndpointSlice", "backend-x", (slice) => (slice.endpoints = [])),
    );
    const [first, second] = diagnose(broken);
    assert.deepEqual(
      first?.follows.map(({ about }) => about),
      [["Service/backend"]],
    );
    assert.deepEqual(second?.about, ["Service/frontend"]);
  });

  it("takes a proxy before the cluster, and a full share of a larger disk, for healthy", () => {
    const gibibytes = (count: number) => count * 2 ** 30;
    const fine = {
      ...healthy(),
      host: { name: "todo-app.local", addresses: ["198.51.100.1"], answers: true },
      volumes: [{ claim: "postgres-data", used: gibibytes(90), size: gibibytes(100) }],
    };
    assert.deepEqual(diagnose(fine), []);
    const full = [{ claim: "postgres-data", used: gibibytes(96), size: gibibytes(100) }];
    assert.equal(diagnose({ ...fine, volumes: full })[0]?.rule, "volume-full");
  });

  it("lets CloudNativePG guard a primary that has standbys", () => {
    const metadata = { ownerReferences: [{ uid: "Cluster/postgres", controller: true }] };
    const status = { disruptionsAllowed: 0, expectedPods: 1, currentHealthy: 1 };
    const budget = object("PodDisruptionBudget", "postgres-primary", { metadata, status });
    const servers = (instances: number) =>
      diagnose(made(plus(object("Cluster", "postgres", { spec: { instances } }), budget)));
    assert.deepEqual(servers(3), []);
    assert.equal(servers(1)[0]?.rule, "disruption-blocked", "nothing takes its place");
  });

  it("misses no standbys of a CloudNativePG cluster with one server", () => {
    const service = (role: string) =>
      object("Service", "postgres-x", {
        metadata: { ownerReferences: [{ uid: "Cluster/postgres", controller: true }] },
        spec: { selector: { "cnpg.io/cluster": "postgres", "cnpg.io/instanceRole": role } },
      });
    const rulesOf = (instances: number, role: string) => {
      const cluster = object("Cluster", "postgres", { spec: { instances } });
      return diagnose(made(plus(cluster, service(role)))).map(({ rule }) => rule);
    };
    assert.deepEqual(rulesOf(1, "replica"), []);
    assert.deepEqual(rulesOf(1, "primary"), ["service-without-endpoints"]);
    assert.deepEqual(rulesOf(3, "replica"), ["service-without-endpoints"]);
  });

  it("says what it could not look at", () => {
    const text = reportText(reportOf({ ...healthy(), unread: ["nodes is forbidden"] }));
    assert.match(text, /\nnot looked at: nodes is forbidden\n$/);
  });

  it("is documented with all that it knows", () => {
    const page = readFileSync(new URL("../../docs/doctor.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| (.*?) +\|$/gm)].map(([, ...row]) => row);
    for (const { name, knows } of RULES)
      assert.ok(
        rows.some(([rule, text]) => rule === name && text === knows),
        `docs/doctor.md has a row | \`${name}\` | ${knows} |`,
      );
  });
});
