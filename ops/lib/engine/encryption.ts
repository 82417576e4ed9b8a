/** How the secrets of a stack are encrypted: by a passphrase, or by a key of a cloud or of Pulumi Cloud. */
import { readFileSync, writeFileSync } from "node:fs";
import { OperatorError } from "../errors.ts";
import { readYaml } from "../yaml.ts";

/**
 * The secrets provider that the stage file names, such as `awskms://alias/todo-app`. Without it, the engine would create the stack
 * with the backend's default provider, whatever the file says. Undefined where the file names none.
 */
export function secretsProviderOf(file: string): string | undefined {
  const { secretsprovider } = readYaml(file);
  return typeof secretsprovider === "string" ? secretsprovider : undefined;
}

/** Removes the line `encryptionsalt` of another passphrase from the stage file, unless a secret in the file needs it. */
export function forgetUnusedKey(file: string): boolean {
  const text = readFileSync(file, "utf8");
  if (/^\s+(- )?secure:/m.test(text)) return false;
  writeFileSync(file, text.replace(/^encryptionsalt:.*\n/m, ""));
  return true;
}

/** Whether the engine says that the passphrase is wrong. The API has no error type for that, hence the text. */
export const isWrongPassphrase = (text: string) => /incorrect passphrase/.test(text);

/** What is left to do with a stack whose passphrase is lost. */
export const STACK_LOST = "the stack can only be removed and deployed anew";

/**
 * The error of a command whose engine had no passphrase, or a wrong one; undefined where something else is wrong.
 *
 * @param text what the engine says
 * @param ifLost what to do where the passphrase is lost
 */
export function passphraseProblem(
  stage: string,
  text: string,
  ifLost: string,
): OperatorError | undefined {
  const pointAtFile = "point PULUMI_CONFIG_PASSPHRASE_FILE at the file that holds it";
  if (isWrongPassphrase(text))
    return new OperatorError(
      `the secrets of ${stage} were encrypted with another passphrase`,
      `${pointAtFile}; if it is lost, ${ifLost}`,
    );
  if (/passphrase must be set/.test(text))
    return new OperatorError(
      `the secrets of ${stage} are encrypted with a passphrase, and none is set`,
      `${pointAtFile}; docs/state.md, "Secrets", has what needs no passphrase`,
    );
  return undefined;
}
