/** Preflight in the program itself, for plain Pulumi: what is missing is one error before the first resource. */
import * as pulumi from "@pulumi/pulumi";
import { PROJECT_NAME } from "../../../config/decode.ts";
import { OperatorError } from "../errors.ts";
import { stageOf } from "../stage.ts";
import { KubectlMissing, preflight } from "./preflight.ts";

const warn = (text: string) => void pulumi.log.warn(text);

/**
 * Checks what the stack that is being deployed needs of its cluster and of this machine.
 *
 * @throws pulumi.RunError for the first thing that does not answer, or for everything that the cluster lacks
 */
export async function requireCluster(): Promise<void> {
  const stack = pulumi.getStack();
  const off = `pulumi config set --stack ${stack} ${PROJECT_NAME}:preflight false`;
  const next = `then run pulumi again; without this check: ${off}`;
  try {
    await preflight(stageOf(stack), pulumi.runtime.allConfig(), { warn, next });
  } catch (error) {
    // Plain Pulumi does without kubectl.
    if (error instanceof KubectlMissing) {
      warn(
        `what the cluster lacks was not checked, because ${error.message}; without this warning: ${off}`,
      );
      return;
    }
    if (!(error instanceof OperatorError)) throw error;
    throw new pulumi.RunError(`${error.message}\n  fix: ${error.fix}`);
  }
}
