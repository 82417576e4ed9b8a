/** Ends pods, to see what is left without them. */
import { kubectl, type Place } from "../kubectl.ts";
import { Unexpected } from "./check.ts";

/** How long a pod may take to end, and then the next one to be ready: the grace period of a pod is less than a minute. */
const TIMEOUT = "--timeout=120s";

async function must(place: Place, ...command: string[]): Promise<string> {
  const { code, stdout, output } = await kubectl(place, command);
  if (code === 0) return stdout;
  throw new Unexpected(output.trim().split("\n").at(-1)!);
}

/**
 * Ends the pods of a Deployment one after the other, each when the one before is replaced.
 *
 * @returns how many there were
 * @throws Unexpected where that is not allowed, or a pod is not replaced
 */
export async function endPods(place: Place, workload: string): Promise<number> {
  const selector = `app.kubernetes.io/name=${workload}`;
  const listed = await must(place, "get", "pods", `--selector=${selector}`, "--output=name");
  const pods = listed.split("\n").filter(Boolean);
  for (const pod of pods) {
    await must(place, "delete", pod, "--ignore-not-found", TIMEOUT);
    await must(place, "rollout", "status", `deployment/${workload}`, TIMEOUT);
  }
  return pods.length;
}
