/** The stages, which run side by side on the local cluster, and the changes that an operator makes to them. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type PeerCertificate } from "node:tls";
import { parse, stringify } from "yaml";
import { authorization, callApi, signUp, type Account } from "../support/api.ts";
import { underLoad, type Target } from "../support/load.ts";
import { eventually, kubectlIn, sh, withCheckout } from "../support/shell.ts";

const MANAGEMENT = "https://10.245.0.1:15000";

const stage = (name: string, host: string) => {
  const namespace = `todo-app-${name}`;
  const kubectl = kubectlIn(namespace);
  const json = async (args: string): Promise<any> => JSON.parse(await kubectl(`${args} -o json`));
  const pulumi = (command: string) =>
    sh(`pulumi ${command} --stack ${name} --config-file "$(local/stage-file ${name})"`);
  return {
    name,
    host,
    namespace,
    kubectl,
    /** Returns kubectl's JSON output. */
    json,
    pulumi,
    exportedState: () => sh(`pulumi stack export --stack ${name}`),
    up: (cwd?: string) => sh(`make up STAGE=${name}`, { cwd }),
    hasNothingToChange: () => pulumi("preview --expect-no-changes"),
    count: async (field: string, workload = "backend") =>
      Number(await kubectl(`get deployment ${workload} -o jsonpath='{${field}}'`)),
    rolledOut: async () => {
      for (const workload of ["backend", "frontend"])
        await kubectl(`rollout status deployment/${workload} --timeout=300s`);
    },
  };
};
export type Stage = ReturnType<typeof stage>;

export const dev = stage("dev", "todo-app.local");
export const staging = stage("staging", "staging.todo-app.com");
export const production = stage("production", "todo-app.com");

/** Root certificate of the local ACME server, which creates a new one whenever it starts. */
export async function acmeRoot(): Promise<string> {
  const bundle = await staging.kubectl(
    "get issuer acme -o jsonpath='{.spec.acme.caBundle}' | base64 -d",
  );
  return sh(`curl -fsS --cacert <(echo '${bundle}') ${MANAGEMENT}/roots/0`);
}

/**
 * The certificate that a host serves for a name. Rejects a certificate for another name, or one that `ca` has not
 * signed.
 */
export function servedCertificate(
  host: string,
  ca: string,
  servername = host,
): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 443, servername, ca, timeout: 15_000 }, () => {
      resolve(socket.getPeerCertificate());
      socket.end();
    });
    socket.on("timeout", () => socket.destroy(new Error(`${host} did not answer within 15 s`)));
    socket.on("error", reject);
  });
}

/**
 * Opens one connection after the other while `meanwhile` runs. Returns the serial numbers of the certificates, in
 * order.
 */
export async function servedSerials(
  host: string,
  ca: string,
  meanwhile: () => Promise<unknown>,
): Promise<string[]> {
  const serials: string[] = [];
  const done = new AbortController();
  const polling = (async () => {
    for (let last = false; !last; await sleep(200)) {
      last = done.signal.aborted;
      const { serialNumber } = await servedCertificate(host, ca);
      if (serials.at(-1) !== serialNumber) serials.push(serialNumber);
    }
  })();
  // Always waits for `meanwhile`, so that it does not run into the next test.
  const [happened, polled] = await Promise.allSettled([
    meanwhile().finally(() => done.abort()),
    polling,
  ]);
  if (happened.status === "rejected") throw happened.reason;
  if (polled.status === "rejected") throw polled.reason;
  return serials;
}

/** The certificate in the Secret that the route serves. */
export async function storedCertificate({ json }: Pick<Stage, "json">, secret = "todo-app-tls") {
  const { metadata, data } = await json(`get secret ${secret}`);
  const certificate = new X509Certificate(Buffer.from(data["tls.crt"] as string, "base64"));
  return { uid: metadata.uid as string, certificate };
}

/** Asks cert-manager to renew now, as its command-line tool does. */
export function renew({ kubectl }: Pick<Stage, "kubectl">): Promise<string> {
  const value = {
    type: "Issuing",
    status: "True",
    reason: "ManuallyTriggered",
    message: "renewal asked for",
    lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ""),
  };
  const patch = JSON.stringify([{ op: "add", path: "/status/conditions/-", value }]);
  return kubectl(
    `patch certificate todo-app --subresource=status --type=json --patch '${patch}' >/dev/null`,
  );
}

/**
 * Root certificate for what both hosts serve. Certificates from before the ACME server's last start are renewed first.
 */
export async function trustedRoot(): Promise<string> {
  const ca = await acmeRoot();
  for (const each of [staging, production]) {
    const isTrusted = async () => assert.ok(await servedCertificate(each.host, ca));
    try {
      await eventually(10, isTrusted);
    } catch {
      await renew(each);
      await eventually(120, isTrusted);
    }
  }
  return ca;
}

/**
 * Deploys the stage from a checkout with other overrides; `up` deploys it as it was. `change` gets the `todo-app:…`
 * values of the overrides and returns those to use instead.
 */
export function upWithOverrides(
  target: Stage,
  change: (config: Record<string, any>) => Record<string, unknown>,
): Promise<void> {
  return withCheckout(async (cwd) => {
    const file = join(cwd, `local/overrides.${target.name}.yaml`);
    const { config } = parse(readFileSync(file, "utf8"));
    writeFileSync(file, stringify({ config: { ...config, ...change(config) } }));
    await target.up(cwd);
  });
}

const LOAD: readonly Target[] = [
  { method: "GET", path: "/api/tasks" },
  { method: "POST", path: "/api/tasks", body: { title: "Under load" } },
  { method: "GET", path: "/" },
  { method: "POST", path: "/api/tasks", body: { title: "Sent in pieces" }, slow: "request" },
  { method: "GET", path: "/api/tasks", slow: "answer" },
];
/** Load that takes the API's pods over 70 % of their CPU request, and uses little of this machine otherwise. */
export const BUSY = {
  targets: [{ method: "GET", path: "/api/tasks" }] as readonly Target[],
  connections: 6,
  pauseMs: 50,
};
/** Well below the five minutes for which a token is valid. */
const RENEW_TOKEN_MS = 120_000;

/** Calls the stage like a signed-in user with an open page, with fast and slow requests, while `meanwhile` runs. */
export async function underServiceLoad(
  account: Account,
  meanwhile: () => Promise<void>,
  { targets = LOAD, connections = 3, pauseMs = 50 } = {},
) {
  const headers = { Cookie: account.cookie, ...(await authorization(account)) };
  const renewal = setInterval(() => {
    authorization(account).then(
      (fresh) => Object.assign(headers, fresh),
      (error: unknown) => console.log(`no new token: ${String(error)}`),
    );
  }, RENEW_TOKEN_MS);
  const { ca } = account;
  try {
    return await underLoad(account.host, headers, targets, meanwhile, { connections, pauseMs, ca });
  } finally {
    clearInterval(renewal);
  }
}

/** Creates a user with a task, and returns the check that the task still exists. */
export async function userWithTask({ host }: Stage, ca?: string) {
  const title = `Task ${Date.now()}`;
  const account = await signUp(host, ca);
  await callApi(account, "/api/tasks", { method: "POST", body: { title } });
  const keepsTask = async () => {
    const tasks = JSON.stringify(await callApi(account, "/api/tasks"));
    assert.ok(tasks.includes(title), `${host} lost "${title}"`);
  };
  return { account, keepsTask };
}

/** Drains a node as an operator does. Afterwards the node takes pods again, and the databases on it are ready. */
export async function withDrained(node: string, use = async () => {}): Promise<void> {
  const admin = (args: string) => sh(`kubectl --context minikube ${args}`);
  try {
    await admin(`drain ${node} --ignore-daemonsets --delete-emptydir-data --timeout=300s`);
    await use();
  } finally {
    await admin(`uncordon ${node}`);
    await dev.kubectl("rollout status statefulset/postgres --timeout=180s");
    await dev.rolledOut();
  }
}

/** The node with most of the stage's pods. */
export async function busiestNode({ kubectl }: Stage): Promise<string> {
  const nodes = (
    await kubectl(
      "get pods --field-selector status.phase=Running -o jsonpath='{range .items[*]}{.spec.nodeName}{\"\\n\"}{end}'",
    )
  ).split("\n");
  const pods = (node: string) => nodes.filter((each) => each === node).length;
  return nodes.reduce((busiest, node) => (pods(node) > pods(busiest) ? node : busiest));
}

/** Waits until the autoscaler has metrics of every pod: before that, it does not scale. */
export function autoscalerReady({ json, rolledOut }: Stage): Promise<void> {
  return eventually(180, async () => {
    await rolledOut();
    const { status } = await json("get hpa backend");
    assert.ok(status.currentMetrics?.[0]?.resource?.current?.averageUtilization !== undefined);
    assert.equal(status.currentReplicas, status.desiredReplicas);
  });
}
