/** Faults of what this machine needs to look: the lock of the stack, and the way to the API server. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sh } from "../shell.ts";
import { file, kubectl, stateFolder, type Fault, type Undo } from "./fault.ts";

/** What a command leaves that is killed in the middle of an update: the lock, and the record of its engine. */
const deadLock: Fault["cause"] = async (undo) => {
  const pid = Number(await sh("echo $BASHPID"));
  const backend = new URL(process.env.PULUMI_BACKEND_URL!.split("?")[0]!);
  const lock = join(fileURLToPath(backend), ".pulumi/locks/organization/todo-app/dev/doctor.json");
  const record = join(stateFolder(), "engines/dev", `${pid}.json`);
  for (const path of [lock, record]) {
    undo(() => Promise.resolve(rmSync(path, { force: true })));
    mkdirSync(dirname(path), { recursive: true });
  }
  const { username } = userInfo();
  const timestamp = new Date().toISOString();
  writeFileSync(lock, JSON.stringify({ pid, username, hostname: hostname(), timestamp }));
  const pidNamespace = await sh("readlink /proc/self/ns/pid");
  writeFileSync(record, JSON.stringify({ started: "Thu Jan  1 00:00:00 2026", pidNamespace }));
};

/** A kubeconfig for the cluster with other credentials, or for another address. */
async function kubeconfig(change: { server?: string; token?: string }): Promise<string> {
  const text = await sh("kubectl --context minikube config view --minify --raw --output json");
  const config = JSON.parse(text);
  if (change.server) {
    config.clusters[0].cluster = { server: change.server, "insecure-skip-tls-verify": true };
  }
  if (change.token) config.users[0].user = { token: change.token };
  return file(config);
}

type Path = (undo: (step: Undo) => void) => Promise<string>;

/** The doctor works with another kubeconfig. */
function access(name: string, reason: string, path: Path, more: Partial<Fault> = {}): Fault {
  let config = "";
  return {
    name,
    rule: `can't look: ${reason}`,
    cause: async (undo) => (config = await path(undo)),
    env: () => ({ KUBECONFIG: config }),
    ...more,
  };
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const OLD_TOKEN = `${encoded({ alg: "RS256" })}.${encoded({ exp: 1_700_000_000 })}.c2lnbmF0dXJl`;

/** The token of an account without any right. */
const powerless: Path = async (undo) => {
  undo(() => kubectl("delete serviceaccount doctor --ignore-not-found"));
  await kubectl("create serviceaccount doctor");
  return kubeconfig({ token: await kubectl("create token doctor") });
};

export const ACCESS_FAULTS: readonly Fault[] = [
  { name: "a lock that a killed command has left", rule: "lock-left", cause: deadLock },
  access(
    "a token that has expired",
    "credentials-expired",
    () => kubeconfig({ token: OLD_TOKEN }),
    { says: /they expired at 2023-11-14/, quick: true },
  ),
  access("a name of the API server that is not known", "name-not-resolved", () =>
    kubeconfig({ server: "https://doctor.invalid:6443" }),
  ),
  access("an API server that does not listen", "refused", () =>
    kubeconfig({ server: "https://127.0.0.1:1" }),
  ),
  access("credentials without rights", "forbidden", powerless, {
    says: /cannot list resource "pods"/,
  }),
];
