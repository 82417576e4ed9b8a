/** Runs commands as an operator would type them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireLocalCluster } from "./localCluster.ts";

requireLocalCluster();

export interface Outcome {
  readonly code: number;
  /** Standard output and standard error, as the terminal shows them. */
  readonly output: string;
  readonly seconds: number;
}

interface Options {
  /** Folder to run in. @default the checkout */
  readonly cwd?: string;
  /** Variables to add to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gets each piece of the output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** Runs a line of bash, and returns even if it fails. */
export function attempt(line: string, { cwd, env, onOutput }: Options = {}): Promise<Outcome> {
  const begin = Date.now();
  return new Promise((resolve) => {
    let output = "";
    const child = spawn("bash", ["-euo", "pipefail", "-c", line], {
      cwd,
      // Without the variables that tell make that it runs inside another make: it would print the directories.
      env: {
        ...process.env,
        MAKELEVEL: undefined,
        MAKEFLAGS: undefined,
        MFLAGS: undefined,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        onOutput?.(chunk.toString());
      });
    child.on("close", (code) =>
      resolve({ code: code ?? 1, output, seconds: (Date.now() - begin) / 1000 }),
    );
  });
}

/** Runs a line of bash that must succeed; returns its trimmed output. */
export async function sh(line: string, options?: Options): Promise<string> {
  const { code, output } = await attempt(line, options);
  assert.equal(code, 0, `"${line}" ended with ${code}:\n${output}`);
  return output.trim();
}

/** Repeats a check until it passes. If it never does, the last failure is the error. */
export async function eventually(seconds: number, check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/**
 * Makes a second checkout of the working tree: at another path, with other file times and a group-writable umask, and without what
 * this machine's stack added to its stage file. Returns its path.
 */
export async function makeCheckout(): Promise<string> {
  const path = mkdtempSync(join(tmpdir(), "todo-app-checkout-"));
  await sh(
    `umask 002; git ls-files -z --cached --others --exclude-standard | xargs -0 tar c --ignore-failed-read | tar x --touch --no-same-permissions -C ${path}; ` +
      `sed -i /^encryptionsalt:/d ${path}/Pulumi.*.yaml; ln -s "$PWD/node_modules" ${path}/node_modules; ` +
      // Make must not see the packages as older than the copied lock file: it would install them again and empty the
      // shared folder.
      `touch -r node_modules/.package-lock.json ${path}/package.json ${path}/package-lock.json`,
  );
  return path;
}

/** Calls `use` with a second checkout, and removes it. */
export async function withCheckout(use: (path: string) => Promise<void>): Promise<void> {
  const path = await makeCheckout();
  try {
    await use(path);
  } finally {
    rmSync(path, { recursive: true });
  }
}

export const NAMESPACE = "todo-app-dev";
export const kubectlIn = (namespace: string) => async (args: string) => {
  const output = await sh(`kubectl --context minikube -n ${namespace} ${args}`);
  // kubectl exec sometimes notes a message of its connection that came late; the output is complete all the same.
  return output.replace(/^E\d+ .* websocket\.go:.*\n/gm, "");
};
export const kubectl = kubectlIn(NAMESPACE);
/** Runs a query in the deployed database. */
export const psql = (query: string) =>
  kubectl(`exec statefulset/postgres -- psql -U todo -d todo -Atc ${JSON.stringify(query)}`);
