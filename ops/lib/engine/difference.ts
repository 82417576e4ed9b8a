/** Shows differences as the engine displays them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { verifyCluster } from "../state/clusterIdentity.ts";
import { OperatorError } from "../errors.ts";
import { settingsIn, stageFile, type Stage } from "../stage.ts";
import { SAID_ELSEWHERE } from "./display.ts";
import { STACK_LOST, passphraseProblem } from "./encryption.ts";
import { engineEnvironment, openStack } from "./engine.ts";
import { policyPacks } from "./policies.ts";

/**
 * Opens the stack of a stage, on the cluster that the stack records.
 *
 * @throws OperatorError where the stage file can't be read, or its context leads to another cluster
 */
export async function openForPreview(stage: Stage): Promise<Stack> {
  const { name, file } = stage;
  stageFile(name, file); // a file that can't be read is refused before a stack is created for it
  const { stack, state, values } = await openStack(stage);
  const { context } = settingsIn(name, values);
  // Where there is no context, the program reports that.
  if (context) await verifyCluster(name, state, context);
  return stack;
}

/** Shows what `pulumi preview --diff` says of a stage. */
export async function showDifference(stage: Stage): Promise<void> {
  const { name, file } = stage;
  const stack = await openForPreview(stage);
  const policies = policyPacks(stack).flatMap((pack) => ["--policy-pack", pack]);
  const color = `--color=${process.stdout.isTTY ? "always" : "never"}`;
  const options = ["--stack", name, "--config-file", file, "--diff", color, ...policies];
  const engine = spawn("pulumi", ["preview", ...options], {
    env: { ...process.env, ...engineEnvironment() },
    stdio: ["inherit", "pipe", "pipe"],
  });
  let complaint = "";
  for (const [input, terminal] of [
    [engine.stdout, process.stdout],
    [engine.stderr, process.stderr],
  ] as const)
    createInterface({ input }).on("line", (line) => {
      const text = stripVTControlCharacters(line).replace(/^warning: /, "");
      if (input === engine.stderr) complaint += `${text}\n`;
      if (!SAID_ELSEWHERE.test(text)) terminal.write(`${line}\n`);
    });
  process.on("SIGINT", () => {}); // the terminal sends it to the engine as well, and this command waits for the engine
  const [code] = (await once(engine, "close")) as [number | null];
  if (code !== 0)
    throw (
      passphraseProblem(name, complaint, STACK_LOST) ??
      new OperatorError(`the preview of ${name} failed`, "read the reason above, and remove it")
    );
}
