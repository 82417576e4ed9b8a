/** A release whose image does not exist, and how soon `make up` says so. */
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { STAGE } from "../stage.ts";
import { podsOf } from "./pods.ts";

const POLL_MILLISECONDS = 200;

/** A digest that no image has. */
export const MISSING = `sha256:${"0".repeat(64)}`;

/** When Kubernetes first shows that a pod of the frontend has no image; undefined where that is not before the end. */
async function firstSign(end: AbortSignal): Promise<number | undefined> {
  while (!end.aborted) {
    const containers = (await podsOf("frontend")).flatMap(
      ({ status }) => status.containerStatuses ?? [],
    );
    const reasons = containers.map(({ state }) => state.waiting?.reason ?? "");
    if (reasons.some((reason) => /^(ErrImagePull|ImagePullBackOff)$/.test(reason)))
      return Date.now();
    await sleep(POLL_MILLISECONDS);
  }
  return undefined;
}

/** Runs `make up`, which is to fail. @returns when it said an error; undefined where it said none */
function upUntilError(): Promise<{ readonly said?: number; readonly output: string }> {
  let [said, output]: [number | undefined, string] = [undefined, ""];
  const child = spawn("make", ["--no-print-directory", "up", `STAGE=${STAGE}`], {
    env: { ...process.env, AUTO_ROLLBACK: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (/^error: /m.test(output)) said ??= Date.now();
      });
    child.on("error", reject);
    child.on("close", () => resolve({ said, output }));
  });
}

/** Deploys the release that the stage file names. @returns seconds from the first sign until `make up` has said the error */
export async function secondsToTheError(): Promise<number> {
  const ended = new AbortController();
  const seen = firstSign(ended.signal);
  const { said, output } = await upUntilError();
  ended.abort();
  const sign = await seen;
  if (said === undefined || sign === undefined || !/ErrImagePull|ImagePullBackOff/.test(output))
    throw new Error(`make up did not fail for the missing image:\n${output}`);
  return Math.max(0, said - sign) / 1000;
}
