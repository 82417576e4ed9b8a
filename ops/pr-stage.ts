/** `make pr-stage`: writes the stage file of a pull request. */
import { writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { pullRequestStage } from "./lib/prStage.ts";
import { secretsProviderOf } from "./lib/engine/encryption.ts";
import { stageFile, stageOf } from "./lib/stage.ts";

const EXAMPLE =
  "make pr-stage FROM=staging NUMBER=12 CONTEXT=previews DOMAIN=previews.todo-app.com";

await command(
  {
    name: "pr-stage",
    summary:
      "Writes Pulumi.pr-<number>.yaml, the stage of a pull request: the images, route and certificates of another stage, one pod of " +
      "each kind, a database of its own, the built-in language model, and the host pr-<number>.<domain>. It has no secret.",
    usage: ["<from>", "<number>", "<context>", "<domain>"],
    example: EXAMPLE,
  },
  ({ args: [from = "", number = "", context = "", domain = ""] }) => {
    if (!/^[1-9]\d*$/.test(number))
      throw new OperatorError(
        `"${number}" is no number of a pull request`,
        `call it as in: ${EXAMPLE}`,
      );
    const name = `pr-${number}`;
    const file = `Pulumi.${name}.yaml`;
    const config = pullRequestStage(stageFile(from), { name, context, domain });
    // The same provider with a key of its own, which is made when the stack is created.
    const secretsprovider = secretsProviderOf(stageOf(from).file);
    writeFileSync(file, stringify({ config, secretsprovider }, { aliasDuplicateObjects: false }));
    process.stdout.write(`${file}: ${String(config["todo-app:host"])} in context ${context}\n`);
  },
);
