/** Pulumi's engine, by way of its Automation API: typed events and errors instead of text. */
import { dirname } from "node:path";
import {
  LocalWorkspace,
  PulumiCommand,
  Stack,
  StackNotFoundError,
  type CommandError,
  type EngineEvent,
} from "@pulumi/pulumi/automation/index.js";
import { readFileSync, writeFileSync } from "node:fs";
import { OperatorError } from "../errors.ts";
import { progress } from "../output.ts";
import type { Stage } from "../stage.ts";

/** What the engine printed before it ended. */
export const textOf = (error: unknown): string => (error as CommandError).message;

/** How the engine's process ended: the API keeps that, but leaves it out of its types. */
function endOf(error: unknown): { readonly signal?: string; readonly stderr?: string } {
  const { commandResult } = error as { readonly commandResult?: { readonly err?: object } };
  return commandResult?.err ?? {};
}

/** What the engine wrote to standard error: what goes wrong before its first event is found nowhere else. */
export const complaintOf = (error: unknown): string => (endOf(error).stderr ?? "").trim();

/** Whether the engine was killed, by the system that runs out of memory for example. */
export const wasKilled = (error: unknown): boolean => !!endOf(error).signal;

let command: Promise<PulumiCommand> | undefined;
/** A workspace of the project, or of another folder with its Pulumi.yaml. */
async function workspaceOf(workDir = process.cwd()): Promise<LocalWorkspace> {
  // Whatever version the machine has: the tests say which ones work.
  command ??= PulumiCommand.get({ skipVersionCheck: true });
  const workspace = await LocalWorkspace.create({ workDir, pulumiCommand: await command });
  // The API names the stack in every command. Selecting it as well would lead a later `pulumi up` by hand to that stack,
  // such as production after a preview of it.
  workspace.selectStack = () => Promise.resolve();
  return workspace;
}

/** Opens a stage's stack; undefined where the backend does not have it. */
export async function findStack(stage: string): Promise<Stack | undefined> {
  try {
    const stack = await Stack.select(stage, await workspaceOf());
    await stack.info(false); // the least that fails where there is none
    return stack;
  } catch (error) {
    if (error instanceof StackNotFoundError) return undefined;
    throw new OperatorError(
      `the stack ${stage} can't be opened: ${textOf(error).trim()}`,
      "pulumi whoami --verbose shows the backend in use",
    );
  }
}

/** Opens a stage's stack, and creates it in a backend that does not have it. */
export async function openStack(stage: Stage): Promise<Stack> {
  const found = await findStack(stage.name);
  if (found) return found;
  await createStack(stage);
  return Stack.select(stage.name, await workspaceOf());
}

/** Pulumi notes a new stack's key in the stage file of the project's folder, which may be another than the checkout. */
async function createStack(stage: Stage): Promise<void> {
  const create = async () => Stack.create(stage.name, await workspaceOf(dirname(stage.file)));
  try {
    await create().catch((error: unknown) => {
      if (!isWrongPassphrase(error) || !forgetUnusedKey(stage.file)) throw error;
      return create();
    });
    progress.write(`created stack ${stage.name}\n`);
  } catch (error) {
    if (isWrongPassphrase(error))
      throw wrongPassphrase(
        stage.name,
        `remove encryptionsalt and every "secure:" value from ${stage.file} and set these secrets again`,
      );
    throw new OperatorError(
      `the stack ${stage.name} could not be created: ${textOf(error).trim()}`,
      "pulumi whoami --verbose shows the backend in use",
    );
  }
}

/** Drops the salt of another passphrase from the stage file, provided that no secret there needs it. */
function forgetUnusedKey(file: string): boolean {
  const text = readFileSync(file, "utf8");
  if (/^\s+(- )?secure:/m.test(text)) return false;
  writeFileSync(file, text.replace(/^encryptionsalt:.*\n/m, ""));
  return true;
}

/** The API has no type of error for it. */
export const isWrongPassphrase = (error: unknown) => /incorrect passphrase/.test(textOf(error));

export const wrongPassphrase = (stage: string, ifLost: string) =>
  new OperatorError(
    `the secrets of ${stage} were encrypted with another passphrase`,
    `point PULUMI_CONFIG_PASSPHRASE_FILE at the file that holds it; if it is lost, ${ifLost}`,
  );

/**
 * A listener that gets each event once and in full: older engines write them to a file, which the API may read twice
 * while it grows.
 */
export function once(listener: (event: EngineEvent) => void): (event: EngineEvent) => void {
  const seen = new Set<number>();
  return (event) => {
    if (seen.has(event.sequence)) return;
    seen.add(event.sequence);
    listener(event);
  };
}
