/** How the doctor reads a cluster, and what it says where it can't. kubectl is only played. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { CannotLook, REASONS, serverTime, type Ask } from "../../ops/lib/doctor/access.ts";
import { lookAt } from "../../ops/lib/doctor/look.ts";
import { lockIn } from "../../ops/lib/doctor/stack.ts";
import { certificate } from "./support/certificate.ts";
import { NAMESPACE, NOW, badPod, healthy, made } from "./support/doctor/snapshot.ts";

const PLACE = { stage: "dev", context: "minikube", namespace: NAMESPACE };

/** kubectl with an answer for each command that contains a text; the others fail like this. */
const kubectl =
  (answers: Readonly<Record<string, object | string>>, failure = "Error from server"): Ask =>
  (command) => {
    const line = command.join(" ");
    const answer = Object.entries(answers).find(([text]) => line.includes(text))?.[1];
    if (answer === undefined) return Promise.resolve({ code: 1, stdout: "", output: failure });
    const stdout = typeof answer === "string" ? answer : JSON.stringify(answer);
    return Promise.resolve({ code: 0, stdout, output: stdout });
  };

const refusal = async (output: string, user: object = {}): Promise<CannotLook> => {
  const ask = kubectl({ "config view": { users: [{ user }] } }, output);
  const error: unknown = await serverTime("minikube", ask).then(
    () => assert.fail("it answered"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CannotLook);
  return error;
};

describe("the way to the API server", () => {
  const CASES: readonly (readonly [reason: string, said: string])[] = [
    ["no-kubectl", "spawn kubectl ENOENT"],
    ["no-context", 'error: context "minikube" does not exist'],
    ["login-program", "Unable to connect to the server: getting credentials: exec: exit status 1"],
    [
      "name-not-resolved",
      "Unable to connect to the server: dial tcp: lookup api.invalid on 10.0.0.1:53: no such host",
    ],
    [
      "refused",
      "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?",
    ],
    [
      "server-certificate-expired",
      "Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
    ],
    [
      "server-certificate-unknown",
      "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ],
    ["credentials-expired", "error: You must be logged in to the server (Unauthorized)"],
    [
      "no-answer",
      "Unable to connect to the server: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
    ],
  ];

  for (const [reason, said] of CASES)
    it(`is not there: ${reason}`, async () => {
      const error = await refusal(said);
      assert.equal(error.reason, reason);
      assert.ok(error.message.includes(said) && error.fix.length > 20);
    });

  it("has a case for every reason", () => {
    assert.deepEqual(
      REASONS.map(({ name }) => name),
      CASES.map(([name]) => name),
    );
  });

  it("says since when a token or a certificate has been invalid, and never shows it", async () => {
    const said = "error: You must be logged in to the server (Unauthorized)";
    const claims = Buffer.from(JSON.stringify({ exp: 1_700_000_000 })).toString("base64url");
    const byToken = await refusal(said, { token: `canary.${claims}.canary` });
    assert.match(byToken.message, /\(401\); they expired at 2023-11-14T22:13:20\.000Z/);
    assert.doesNotMatch(byToken.message, /canary/);
    const { pem } = certificate("ana", { days: -1 / 48 });
    const data = Buffer.from(pem).toString("base64");
    const byCertificate = await refusal(said, { "client-certificate-data": data });
    assert.match(byCertificate.message, /they expired at 20/);
    assert.doesNotMatch((await refusal(said, { token: "opaque" })).message, /expired at/);
  });

  it("gives the clock of the API server", async () => {
    const answer = { metadata: { creationTimestamp: "2026-03-02T14:00:00Z" } };
    assert.equal(await serverTime("minikube", kubectl({ "auth whoami": answer })), NOW);
  });
});

describe("the doctor's look at a cluster", () => {
  const log = () => Promise.resolve(["last words"]);
  const list = (items: unknown) => ({ items });
  const { objects, around } = made(badPod({ state: { running: {} } }, { phase: "Running" }));
  const ANSWERS = {
    "get pods,events": list(objects),
    "get nodes,": list(around.filter(({ kind }) => kind === "Node" || kind === "APIService")),
    "stats/summary": {
      pods: [
        {
          volume: [
            {
              usedBytes: 9,
              capacityBytes: 10,
              pvcRef: { name: "postgres-data", namespace: NAMESPACE },
            },
          ],
        },
      ],
    },
    "exec backend-1-b": "\nconnection refused\n",
  };

  it("reads logs, volumes and what a pod sees, the pod in trouble first", async () => {
    const found = await lookAt(PLACE, healthy().config, NOW, { ask: kubectl(ANSWERS), log });
    assert.deepEqual(found.logs, { "backend-1-b/backend": ["last words"] });
    assert.deepEqual(found.volumes, [{ claim: "postgres-data", used: 9, size: 10 }]);
    assert.deepEqual(found.inside, { pod: "backend-1-b", dns: "", database: "connection refused" });
    assert.equal(found.objects.length, objects.length);
  });

  it("asks the database's container where the kubelet does not know a volume", async () => {
    const df =
      "Filesystem 1024-blocks Used Available Capacity Mounted on\ntmpfs 1000 600 200 75% /x\n";
    const answers = { ...ANSWERS, "stats/summary": {}, "exec postgres-0": df };
    const { volumes } = await lookAt(PLACE, undefined, NOW, { ask: kubectl(answers), log });
    assert.deepEqual(volumes, [{ claim: "postgres-data", used: 600 * 1024, size: 800 * 1024 }]);
  });

  it("goes on without what is refused, and says so; without add-ons that a cluster does not have, silently", async () => {
    const absent = `error: the server doesn't have a resource type "certificates"`;
    const forbidden = "Error from server (Forbidden): leases is forbidden";
    const ask: Ask = async (command) => {
      const answer = await kubectl(ANSWERS)(command);
      if (answer.code === 0) return answer;
      const line = command.join(" ");
      return { ...answer, output: /cert-manager|gateway|cnpg/.test(line) ? absent : forbidden };
    };
    const { unread } = await lookAt(PLACE, undefined, NOW, { ask, log });
    assert.ok(unread.some((text) => text.includes(forbidden)));
    assert.ok(!unread.some((text) => text.includes("resource type")));
  });

  it("ends with the missing rights where the pods of the stage may not be listed", async () => {
    const said =
      'Error from server (Forbidden): pods is forbidden: User "ana" cannot list resource "pods" in API group "" in the namespace "x"';
    await assert.rejects(
      lookAt(PLACE, undefined, NOW, { ask: kubectl({}, said), log }),
      (error: CannotLook) =>
        error.reason === "forbidden" && error.message.includes('cannot list resource "pods"'),
    );
  });
});

describe("the lock on a stack", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "lock-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const locked = (stage: string) => {
    const locks = join(folder, ".pulumi/locks/organization/todo-app", stage);
    mkdirSync(locks, { recursive: true });
    const lock = {
      pid: 4711,
      username: "ana",
      hostname: hostname(),
      timestamp: "2026-03-02T14:00:00Z",
    };
    writeFileSync(join(locks, "1.json"), JSON.stringify(lock));
  };

  it("is found with its owner, who counts as alive in doubt", async () => {
    locked("qa");
    assert.deepEqual(await lockIn(folder, "qa"), {
      owner: `ana@${hostname()}, process 4711, since 2026-03-02T14:00:00Z`,
      dead: false,
    });
  });

  it("is not that of another stack", async () => {
    locked("production");
    assert.equal(await lockIn(folder, "qa"), undefined);
    assert.equal(await lockIn(join(folder, "none"), "qa"), undefined);
  });
});
