import assert from "node:assert/strict";
import type { Reading } from "../../ops/lib/preflight/clusterApi.ts";
import { lineOf } from "../../ops/lib/smoke/check.ts";
import { objectsIn, type Target } from "../../ops/lib/smoke/deployed.ts";
import { send } from "../../ops/lib/smoke/site.ts";
import { check, type Mode, type Report } from "../../ops/lib/smoke/smoke.ts";
import { certificate, type Certificate } from "./support/certificate.ts";
import { FakeApp } from "./support/fakeApp.ts";

const NAMESPACE = "todo-app-qa";
const KUBECTL = `kubectl --context qa --namespace ${NAMESPACE}`;
const HOST = "todo.invalid";
const READING = ["pods", "page", "sign-in page", "api", "api without a token"];
const WRITING = ["leftovers", "accounts", "task", "signed-in page", "isolation", "deletion"];
const ALL = [...READING, ...WRITING, "assistant", "clean-up"];

/** What the state has of an object in the cluster. */
const resource = (kind: string, name: string, group = "apps", spec: object = {}) => ({
  urn: `urn:pulumi:qa::todo-app::kubernetes:${group}/v1:${kind}::${name}`,
  type: `kubernetes:${group}/v1:${kind}`,
  id: `${NAMESPACE}/${name}`,
  inputs: { apiVersion: `${group}/v1`, kind, spec },
});

const pathOf = (kinds: string, name: string, group = "apps") =>
  `/apis/${group}/v1/namespaces/${NAMESPACE}/${kinds}/${name}`;

const running = (replicas: number, ready = replicas, wanted = replicas) => ({
  spec: { replicas: wanted },
  status: { replicas, readyReplicas: ready },
});

const HEALTHY: Readonly<Record<string, object>> = {
  [pathOf("deployments", "backend")]: running(2),
  [pathOf("deployments", "frontend")]: running(2),
  [pathOf("statefulsets", "postgres")]: running(1),
  [pathOf("ingresses", "todo-app", "networking.k8s.io")]: {
    status: { loadBalancer: { ingress: [{ ip: "127.0.0.1" }] } },
  },
};

const RESOURCES = [
  resource("Deployment", "backend"),
  resource("Deployment", "frontend"),
  resource("StatefulSet", "postgres"),
  resource("Ingress", "todo-app", "networking.k8s.io"),
  { ...resource("Deployment", "worker"), delete: true },
];

describe("make smoke", () => {
  let app: FakeApp;
  const apps: FakeApp[] = [];
  const start = (...chain: Certificate[]) => {
    app = new FakeApp(chain);
    apps.push(app);
    return app.start();
  };
  afterEach(() => apps.splice(0).forEach((each) => each.stop()));

  /** The stage that the app belongs to, on a cluster with these objects. */
  const target = (port: number, changes: Partial<Target> = {}, cluster: object = {}): Target => {
    const objects: Readonly<Record<string, object | undefined>> = { ...HEALTHY, ...cluster };
    const read = (path: string): Promise<Reading> => {
      const object = objects[path];
      return Promise.resolve(object ? { state: "found", object } : { state: "absent" });
    };
    return {
      stage: "qa",
      url: new URL(`http://${HOST}:${port}`),
      protected: false,
      kubectl: KUBECTL,
      objects: objectsIn(RESOURCES, { read }),
      cluster: { read },
      namespace: NAMESPACE,
      deleteAccounts: app.deleteAccounts,
      endPods: () => Promise.reject(new Error("nobody asked for it")),
      ...changes,
    };
  };

  /** Makes the checks once each, and keeps what they print to itself. */
  const checked = async (stage: Target, mode?: Mode): Promise<Report> => {
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = () => true;
    try {
      return await check(stage, mode, 0);
    } finally {
      process.stdout.write = write;
    }
  };
  const names = ({ checks }: Report, ok?: boolean) =>
    checks.filter((result) => ok === undefined || result.ok === ok).map(({ name }) => name);
  const found = ({ checks }: Report, name: string) =>
    checks.find((result) => result.name === name)!.found;

  describe("of a stage by HTTP", () => {
    let port: number;
    beforeEach(async () => {
      port = await start();
    });

    it("uses the app as two people do, and leaves nothing behind", async () => {
      const report = await checked(target(port));
      assert.deepEqual([report.mode, names(report, true)], ["write", ALL]);
      assert.equal(report.passed, true);
      assert.equal(found(report, "pods"), "backend 2/2, frontend 2/2, postgres 1/1");
      assert.match(found(report, "accounts"), /^(smoke-\d+-[0-9a-f]{8}@smoke\.invalid(, |$)){2}$/);
      assert.equal(found(report, "clean-up"), "2 accounts deleted");
      assert.deepEqual([[...app.accounts], app.tasks], [[], []]);
    });

    it("ends the backend's pods where that is asked for, and reads the task again", async () => {
      const ended: string[] = [];
      const endPods = (workload: string) => Promise.resolve(ended.push(workload) + 1);
      const report = await checked(target(port, { endPods }), "end-pods");
      assert.equal(report.passed, true);
      assert.deepEqual(ended, ["backend"]);
      assert.match(found(report, "persistence"), /^2 backend pods were ended/);
    });

    it("notices a task that was lost with the pods, and pods that may not be ended", async () => {
      const losing = () => Promise.resolve((app.tasks = []).length);
      const lost = await checked(target(port, { endPods: losing }), "end-pods");
      assert.match(found(lost, "persistence"), /^GET \/api\/tasks\/\S+: 404/);
      const refused = await checked(target(port), "end-pods");
      assert.deepEqual(names(refused, false), ["persistence"]);
      assert.equal(found(refused, "persistence"), "nobody asked for it");
    });

    it("asks the address of the route where the name service does not know the host", async () => {
      const report = await checked(target(port), "read-only");
      assert.equal(
        found(report, "page"),
        "GET /sign-in: 200 at 127.0.0.1, the address of the route",
      );
      const url = new URL(`http://127.0.0.1:${port}`);
      const local = await checked(target(port, { url }), "read-only");
      assert.equal(found(local, "page"), "GET /sign-in: 200");
    });

    it("says that the host is not known where there is no route either", async () => {
      const route = { [pathOf("ingresses", "todo-app", "networking.k8s.io")]: undefined };
      const report = await checked(target(port, {}, route), "read-only");
      assert.deepEqual(names(report, true), ["pods"]);
      assert.match(found(report, "page"), /^GET \/: getaddrinfo E\w+ todo\.invalid$/);
    });

    it("only reads a protected stage, unless told to write", async () => {
      const stage = target(port, { protected: true });
      const report = await checked(stage);
      assert.deepEqual([report.mode, names(report)], ["read-only", READING]);
      assert.ok(app.requests.every((request) => request.startsWith("GET ")));
      assert.equal((await checked(stage, "write")).mode, "write");
    });

    for (const [what, workload, text, command] of [
      ["scaled to 0", running(0), "Deployment backend is scaled to 0 pods", "describe"],
      ["short of a pod", running(2, 1), "Deployment backend has 1 ready of 2 pods", "describe"],
      ["stuck", running(3, 2, 2), "Deployment backend has 2 ready of 3 pods", "describe"],
      ["gone", undefined, "Deployment backend is not there", "describe"],
    ] as const)
      it(`names a workload that is ${what}, with the command that shows more`, async () => {
        const backend = { [pathOf("deployments", "backend")]: workload };
        const report = await checked(target(port, {}, backend), "read-only");
        assert.equal(report.passed, false);
        assert.deepEqual(names(report, false), ["pods"]);
        assert.equal(
          lineOf(report.checks[0]!),
          `not ok - pods: expected every pod of every workload ready; came: ${text}; ` +
            `look: ${KUBECTL} ${command} deployment/backend`,
        );
      });

    it("makes no account where none can be deleted", async () => {
      const deleteAccounts = () => Promise.reject(new Error("exec is forbidden"));
      const report = await checked(target(port, { deleteAccounts }));
      assert.deepEqual(names(report, true), READING);
      assert.equal(found(report, "leftovers"), "exec is forbidden");
      assert.equal(found(report, "accounts"), 'not tried, because "leftovers" is not ok');
      assert.ok(!app.requests.some((request) => request.startsWith("POST ")));
    });

    it("deletes the accounts also when a task can't be changed", async () => {
      app.misbehave = (request) =>
        request.startsWith("PATCH") ? { status: 503, body: { detail: "later" } } : undefined;
      const report = await checked(target(port));
      assert.deepEqual(names(report, false), ["task", "signed-in page", "isolation", "deletion"]);
      assert.match(found(report, "task"), /^PATCH \/api\/tasks\/\S+: 503 \{"detail":"later"\}$/);
      assert.deepEqual([[...app.accounts], app.tasks], [[], []]);
    });

    it("notices that the second account sees what is not its own", async () => {
      app.misbehave = (request) =>
        /^GET \/api\/tasks\/./.test(request) ? { status: 200, body: app.tasks[0] } : undefined;
      const report = await checked(target(port));
      assert.deepEqual(names(report, false), ["isolation", "deletion"]);
      assert.equal(app.accounts.size, 0);
    });

    it("says what keeps the assistant from answering", async () => {
      const failures = [
        ['{"type":"error","message":"no model"}\n{"type":"done"}\n', /chat: no model$/],
        ['{"type":"text","text":"I"}\n', /chat: broke off$/],
        ['{"type":"done"}\n', /chat: no text$/],
        ["<html>", /^not JSON: POST \/api\/chat: 200 <html>$/],
      ] as const;
      const stage = target(port);
      for (const [body, reason] of failures) {
        app.misbehave = (request) =>
          request === "POST /api/chat" ? { status: 200, body } : undefined;
        const report = await checked(stage);
        assert.deepEqual(names(report, false), ["assistant"]);
        assert.match(found(report, "assistant"), reason);
      }
    });

    it("says that an account is still there, and shows no token", async () => {
      const report = await checked(target(port, { deleteAccounts: () => Promise.resolve(2) }));
      assert.deepEqual(names(report, false), ["clean-up"]);
      assert.equal(found(report, "clean-up"), "GET /api/auth/token: 200");
    });

    it("takes no other page for the app's, and follows to no other site", async () => {
      const stage = target(port);
      app.misbehave = () => ({ status: 200, body: "<title>Welcome to nginx!</title>" });
      const report = await checked(stage, "read-only");
      assert.deepEqual(names(report, true), ["pods"]);
      assert.equal(found(report, "page"), "GET /: 200, but not the content that was expected");
      app.misbehave = () => ({ status: 302, headers: { Location: "https://example.com/" } });
      assert.equal(
        found(await checked(stage, "read-only"), "page"),
        "GET /: 302, leads to https://example.com",
      );
    });

    it("gives up a request that gets no answer in time", async () => {
      const { url } = target(port);
      app.misbehave = () => ({ status: 0 });
      await assert.rejects(
        send({ url, address: "127.0.0.1" }, "/", { timeoutMs: 200 }),
        /^Error: GET \/: no complete answer within 0\.2 s$/,
      );
    });
  });

  describe("of a stage by HTTPS", () => {
    const root = certificate("Root");
    const intermediate = certificate("Intermediate", { issuer: root });
    const serving = (days = 90, host = HOST) =>
      certificate("server", { issuer: intermediate, host, days });

    /** The certificate check, where the Secret has this chain by this issuer. */
    const certificateCheck = async (
      served: readonly Certificate[],
      stored: readonly Certificate[] = served,
      issuer = "acme",
    ) => {
      const port = await start(...served);
      const pem = stored.map((each) => each.pem).join("");
      const stage = target(
        port,
        {},
        {
          [`/api/v1/namespaces/${NAMESPACE}/secrets/tls`]: {
            data: { "tls.crt": Buffer.from(pem).toString("base64") },
          },
        },
      );
      const spec = { secretName: "tls", issuerRef: { name: issuer } };
      const resources = [
        ...RESOURCES,
        resource("Certificate", "todo-app", "cert-manager.io", spec),
      ];
      const report = await checked(
        {
          ...stage,
          url: new URL(stage.url.href.replace("http:", "https:")),
          objects: objectsIn(resources, stage.cluster),
        },
        "read-only",
      );
      return report.checks.find(({ name }) => name === "certificate")!;
    };

    it("trusts the issuer of the stage's own certificate, though its root is nowhere", async () => {
      const result = await certificateCheck([serving(), intermediate]);
      assert.match(result.found, /^valid until \d{4}-\d\d-\d\d, for (89|90) days$/);
      assert.equal(result.ok, true);
      // Renewed meanwhile: the controller still serves the one before.
      const renewed = await certificateCheck([serving(), intermediate], [serving(), intermediate]);
      assert.equal(renewed.ok, true, renewed.found);
    });

    it("refuses a certificate that ends within two weeks", async () => {
      const result = await certificateCheck([serving(13.5), intermediate]);
      assert.equal(result.ok, false);
      assert.match(result.found, /, for 13 days$/);
    });

    it("refuses a certificate of another authority, or for another host", async () => {
      const other = certificate("Other");
      const foreign = certificate("server", { issuer: other, host: HOST });
      for (const [result, reason] of [
        [await certificateCheck([foreign], [serving(), intermediate]), /unable to verify|issuer/],
        [await certificateCheck([serving(90, "x.invalid"), intermediate]), /altnames/],
      ] as const) {
        assert.equal(result.ok, false);
        assert.match(result.found, reason);
      }
    });

    it("trusts nobody but public authorities where the issuer is one of them", async () => {
      const chain = [serving(), intermediate];
      const { ok, found } = await certificateCheck(chain, chain, "letsencrypt-production");
      assert.deepEqual([ok, /issuer|unable to verify/.test(found)], [false, true], found);
    });
  });
});
