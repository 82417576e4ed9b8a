/** Says what to do about an error of the engine. */
import { CONTINUES, OperatorError } from "../errors.ts";
import { STACK_LOST, passphraseProblem } from "./encryption.ts";
import { textOf } from "./engine.ts";

/** The engine's message about a value of the wrong type. The program, whose messages say more, has not started then. */
const REJECTED = /configuration key '([^']+)' must be of type '(\w+)'/;

/** How the engine lists a rule of a policy pack that was broken. */
const BROKEN_RULE = /\[mandatory\]/;

/** The error of a deploy, or of its preview, that the engine ended. The engine's own messages were shown before. */
export function engineFailure(stage: string, error: unknown): OperatorError {
  const problem = passphraseProblem(stage, textOf(error), STACK_LOST);
  if (problem) return problem;
  const [, key, type] = REJECTED.exec(textOf(error)) ?? [];
  if (key)
    return new OperatorError(
      `todo-app:${key} of ${stage} must be of type ${type}`,
      `pulumi config set --stack ${stage} 'todo-app:${key}' <${type}>` +
        `, or remove it: pulumi config rm --stack ${stage} 'todo-app:${key}'`,
    );
  if (BROKEN_RULE.test(textOf(error)))
    return new OperatorError(
      `${stage} breaks a rule of the policy pack`,
      'change what the rule refuses, or what policy/settings.ts allows; docs/operations.md, "Policies", lists the rules',
    );
  return new OperatorError(`the deploy of ${stage} failed`, CONTINUES);
}
