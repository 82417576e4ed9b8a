/** Says what to do about an error of the engine. */
import { CONTINUES, OperatorError } from "../errors.ts";
import { isWrongPassphrase, textOf, wrongPassphrase } from "./engine.ts";

/** The engine's message about a value of the wrong type. The program, whose messages say more, has not started then. */
const REJECTED = /configuration key '([^']+)' must be of type '(\w+)'/;

/** The error of a deploy, or of its preview, that the engine ended. The engine's own messages were shown before. */
export function engineFailure(stage: string, error: unknown): OperatorError {
  if (isWrongPassphrase(error))
    return wrongPassphrase(stage, "the stack can only be removed and deployed anew");
  const [, key, type] = REJECTED.exec(textOf(error)) ?? [];
  if (key)
    return new OperatorError(
      `todo-app:${key} of ${stage} must be of type ${type}`,
      `pulumi config set --stack ${stage} 'todo-app:${key}' <${type}>` +
        `, or remove it: pulumi config rm --stack ${stage} 'todo-app:${key}'`,
    );
  return new OperatorError(`the deploy of ${stage} failed`, CONTINUES);
}
