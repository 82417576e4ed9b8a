/** Where the engine finds the policy pack that it checks each preview and each deploy by. */
import { fileURLToPath } from "node:url";
import type { Stack } from "@pulumi/pulumi/automation/index.js";

const folder = new URL("../../../policy", import.meta.url);

/** The first engine that was seen to start a pack that is a program. */
const STARTS_PROGRAMS = [3, 274];

/**
 * The packs for the engine of a stack. A recent engine starts the pack itself; an older one leaves that to its language host, and
 * is told the pack's folder.
 */
export function policyPacks({ workspace }: Pick<Stack, "workspace">): string[] {
  const [major = 0, minor = 0] = workspace.pulumiVersion.split(".").map(Number);
  const [leastMajor, leastMinor] = STARTS_PROGRAMS as [number, number];
  const isRecent = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  return [fileURLToPath(isRecent ? `${folder.href}/index.ts` : folder)];
}
