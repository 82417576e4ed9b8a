/** Preflight in the program itself, for plain Pulumi: what is missing is one error before the first resource. */
import * as pulumi from "@pulumi/pulumi";
import { PROJECT_NAME } from "../../../config/decode.ts";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { stageOf } from "../stage.ts";
import { preflight } from "./preflight.ts";

const warn = (text: string) => void pulumi.log.warn(text);

/** Plain Pulumi does without kubectl, with which preflight reads the cluster. */
async function hasKubectl(): Promise<boolean> {
  const { code } = await run(["kubectl", "version", "--client"]);
  return code !== 127;
}

/**
 * Checks what the stack that is being deployed needs of its cluster and of this machine.
 *
 * @throws pulumi.RunError for the first thing that does not answer, or for everything that the cluster lacks
 */
export async function requireCluster(): Promise<void> {
  const stack = pulumi.getStack();
  const off = `pulumi config set --stack ${stack} ${PROJECT_NAME}:preflight false`;
  if (!(await hasKubectl())) {
    warn(
      `what the cluster lacks was not checked, because kubectl is not installed; without this warning: ${off}`,
    );
    return;
  }
  const next = `then run pulumi again; without this check: ${off}`;
  try {
    await preflight(stageOf(stack), pulumi.runtime.allConfig(), { warn, next });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new pulumi.RunError(`${error.message}\n  fix: ${error.fix}`);
  }
}
