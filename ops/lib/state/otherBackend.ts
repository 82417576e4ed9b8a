/** Notices that a stack is about to be created a second time, because another backend than before is in use. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_NAME } from "../../../config/decode.ts";
import { OperatorError } from "../errors.ts";
import { shortName } from "../stage.ts";
import { stateFolder } from "./folder.ts";
import type { Resource } from "./state.ts";

/** A state as a backend that is a folder keeps it. */
interface Checkpoint {
  readonly checkpoint?: { readonly latest?: { readonly resources?: readonly Resource[] } };
}

function hasResources(file: string): boolean {
  const { checkpoint } = JSON.parse(readFileSync(file, "utf8")) as Checkpoint;
  return Boolean(checkpoint?.latest?.resources?.length);
}

/**
 * Refuses to create a stack whose state is on this machine, from the time before a backend was chosen.
 *
 * @throws OperatorError that says how to move the state
 */
export function refuseSecondState(stage: string, env = process.env): void {
  // One of the backends of the project itself: that folder, or that of the local cluster, which has its own stacks.
  if (env.PULUMI_BACKEND_URL?.startsWith(`file://${stateFolder()}/`)) return;
  const stacks = join(stateFolder(), "stacks");
  const file = join(stacks, ".pulumi/stacks", PROJECT_NAME, `${shortName(stage)}.json`);
  if (!existsSync(file) || !hasResources(file)) return;
  throw new OperatorError(
    `the state of ${stage} is in ${stacks}, and the backend in use now does not have it: a deploy would create everything a second time`,
    'move it: docs/state.md, "Move a stack"; or log out of that backend: pulumi logout, or unset PULUMI_BACKEND_URL and ' +
      `PULUMI_ACCESS_TOKEN; or, if what it describes is gone, rm ${file}`,
  );
}
