/** Faults of pods and of what they need. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { sh } from "../shell.ts";
import {
  add,
  changed,
  copiedMigration,
  created,
  file,
  kubectl,
  patched,
  replace,
  saved,
  stateFolder,
  usedBy,
  type Fault,
} from "./fault.ts";

const POD = "/spec/template/spec";
const CONTAINER = `${POD}/containers/0`;

const program = (text: string) =>
  patched("deployment/backend", add(`${CONTAINER}/command`, ["python", "-c", text]));

/** A registry that refuses every request. The nodes find it under a name that nothing else has. */
const refusingRegistry: Fault["cause"] = async (undo) => {
  const [name, port] = ["refusing.invalid", 5999];
  const state = stateFolder();
  const nodes = (await sh(`ls ${state}/cluster/nodes`)).split("\n");
  const server = createServer((_request, response) => {
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="registry"' }).end();
  });
  for (const node of nodes) {
    const folder = join(state, "cluster/nodes", node, "certs.d", name);
    undo(() => Promise.resolve(rmSync(folder, { recursive: true })));
    mkdirSync(folder);
    const host = `[host."http://10.245.0.1:${port}"]\n  capabilities = ["pull", "resolve"]\n`;
    writeFileSync(join(folder, "hosts.toml"), host);
  }
  undo(() => new Promise((resolve) => server.close(resolve)));
  await new Promise<void>((resolve) => server.listen(port, "10.245.0.1", resolve));
  await patched("deployment/backend", replace(`${CONTAINER}/image`, `${name}/backend:1`))(undo);
};

/** Restarts the workload, so that new pods meet what was changed. */
const restarted = (workload: string) => changed(workload, `rollout restart ${workload}`);

/** Lets the quota have room for the pods that there are, and no more. */
const fullQuota: Fault["cause"] = async (undo) => {
  const names = await kubectl("get pods --field-selector status.phase=Running --output name");
  const pods = String(names.split("\n").length);
  await patched("resourcequota/todo-app", replace("/spec/hard/pods", pods))(undo);
  await restarted("deployment/backend")(undo);
};

const filledDisk: Fault["cause"] = async (undo) => {
  const pods = await kubectl("get pods --selector app.kubernetes.io/name=backend --output name");
  const [pod] = pods.split("\n") as [string];
  undo(() => kubectl(`delete ${pod} --ignore-not-found`));
  await kubectl(
    `exec ${pod.replace("pod/", "")} -- python -c 'open("/tmp/full", "wb").write(bytes(100 << 20))'`,
  );
};

const stuckPod: Fault["cause"] = async (undo) => {
  const pods = await kubectl("get pods --selector app.kubernetes.io/name=frontend --output name");
  const [pod] = pods.split("\n") as [string];
  const finalizers = (value: unknown) => file({ metadata: { finalizers: value } });
  undo(() => kubectl(`patch ${pod} --type merge --patch-file ${finalizers(null)}`));
  await kubectl(`patch ${pod} --type merge --patch-file ${finalizers(["example.com/hold"])}`);
  await kubectl(`delete ${pod} --grace-period 1 --wait=false`);
};

const wrongPassword: Fault["cause"] = async (undo) => {
  const secret = `secret/${await usedBy("deployment/backend", 'volumes[?(@.name=="secrets")].secret.secretName')}`;
  undo(await saved(secret));
  const stored = await kubectl(`get ${secret} --output jsonpath='{.data.DATABASE_URL}'`);
  const url = new URL(Buffer.from(stored, "base64").toString());
  url.password = "wrong";
  const value = Buffer.from(url.href).toString("base64");
  const patch = file([replace("/data/DATABASE_URL", value)]);
  await kubectl(`patch ${secret} --type json --patch-file ${patch}`);
  await restarted("deployment/backend")(undo);
};

const changedSecret: Fault["cause"] = async (undo) => {
  const secret = `secret/${await usedBy("deployment/frontend", 'volumes[?(@.name=="secrets")].secret.secretName')}`;
  await patched(secret, replace("/data/BETTER_AUTH_SECRET", "aGFuZA=="))(undo);
};

export const POD_FAULTS: readonly Fault[] = [
  {
    name: "an image that does not exist",
    rule: "image-missing",
    says: /Deployment\/backend/,
    quick: true,
    cause: patched(
      "deployment/backend",
      replace(`${CONTAINER}/image`, "localhost:5000/todo-app/no-such-image:v0"),
    ),
  },
  { name: "a registry that refuses", rule: "registry-refuses", cause: refusingRegistry },
  {
    name: "a program that ends",
    rule: "crash-loop",
    says: /a setting is missing/,
    cause: program('raise SystemExit("a setting is missing")'),
  },
  {
    name: "a program that takes too much memory",
    rule: "out-of-memory",
    cause: program('hoard = b"x" * 2**30'),
  },
  {
    name: "a ConfigMap that does not exist",
    rule: "config-missing",
    says: /no-such-settings/,
    cause: patched(
      "deployment/backend",
      replace(`${CONTAINER}/envFrom/0/configMapRef/name`, "no-such-settings"),
    ),
  },
  {
    name: "a Secret that does not exist",
    rule: "config-missing",
    says: /no-such-secret/,
    cause: patched(
      "deployment/frontend",
      replace(`${POD}/volumes/0/secret/secretName`, "no-such-secret"),
    ),
  },
  {
    name: "a readiness probe that fails",
    rule: "workload-not-ready",
    cause: patched(
      "deployment/backend",
      replace(`${CONTAINER}/readinessProbe/httpGet/path`, "/no-such-path"),
    ),
  },
  {
    name: "a migration that has failed",
    rule: "migration-failed",
    says: /this migration is broken/,
    cause: async (undo) =>
      created(
        await copiedMigration("migration-doctor", [
          "python",
          "-c",
          'raise SystemExit("this migration is broken")',
        ]),
      )(undo),
  },
  { name: "a full quota", rule: "quota-full", says: /spec\.hard\.pods/, cause: fullQuota },
  {
    name: "a pod that Pod Security refuses",
    rule: "pod-security",
    cause: patched("deployment/backend", add(`${POD}/hostNetwork`, true)),
  },
  {
    name: "a pod that fits no node",
    rule: "unschedulable",
    cause: patched("deployment/backend", add(`${POD}/nodeSelector`, { "no-such-label": "yes" })),
  },
  {
    name: "a pod that fills its disk",
    rule: "evicted",
    says: /limit/,
    seconds: 150,
    cause: filledDisk,
  },
  {
    name: "a pod with a finalizer that nobody removes",
    rule: "stuck-terminating",
    says: /example\.com\/hold/,
    cause: stuckPod,
  },
  {
    name: "a paused Deployment",
    rule: "stopped-by-hand",
    says: /paused/,
    cause: changed("deployment/backend", "rollout pause deployment/backend"),
  },
  {
    name: "a Deployment that is scaled to 0",
    rule: "stopped-by-hand",
    says: /scaled to 0/,
    cause: changed("deployment/frontend", "scale deployment/frontend --replicas 0"),
  },
  { name: "a wrong password of the database", rule: "database-password", cause: wrongPassword },
  {
    name: "a Secret that was changed by hand",
    rule: "secret-changed",
    says: /BETTER_AUTH_SECRET: differs, values not shown/,
    cause: changedSecret,
  },
];
