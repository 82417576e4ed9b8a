/** Pulumi's engine through its Automation API, which gives typed events and errors instead of text. */
import { dirname, join } from "node:path";
import {
  LocalWorkspace,
  PulumiCommand,
  Stack,
  StackNotFoundError,
  type CommandError,
  type EngineEvent,
} from "@pulumi/pulumi/automation/index.js";
import { NO_PREFLIGHT } from "../../../config/preflight.ts";
import { OperatorError } from "../errors.ts";
import { progress } from "../output.ts";
import { stageValues, type Stage } from "../stage.ts";
import { refuseSecondState } from "../state/otherBackend.ts";
import { exportState, findState, notOpened, type State } from "../state/state.ts";
import type { Values } from "../yaml.ts";
import {
  forgetUnusedKey,
  isWrongPassphrase,
  passphraseProblem,
  secretsProviderOf,
} from "./encryption.ts";

/** What the engine printed before it ended. */
export const textOf = (error: unknown): string => (error as CommandError).message;

/** How the engine's process ended. The API's error has it, but the API's types leave it out. */
function endOf(error: unknown): { readonly signal?: string; readonly stderr?: string } {
  const { commandResult } = error as { readonly commandResult?: { readonly err?: object } };
  return commandResult?.err ?? {};
}

/** What the engine wrote to standard error. An error before its first event is found only there. */
export const complaintOf = (error: unknown): string => (endOf(error).stderr ?? "").trim();

/** Whether a signal killed the engine, for example when the system ran out of memory. */
export const wasKilled = (error: unknown): boolean => !!endOf(error).signal;

/**
 * Variables for an engine. Its program makes no preflight: a command that deploys has made it. Its programs store compiled code
 * in a folder of their own: the SDK sets flags of V8 there, and V8 refuses what was compiled under others. In one folder, a
 * command and a program would replace each other's code at every run.
 */
export function engineEnvironment(env = process.env): Record<string, string> {
  const { NODE_COMPILE_CACHE: folder } = env;
  return {
    [NO_PREFLIGHT]: "1",
    ...(folder && { NODE_COMPILE_CACHE: join(folder, "programs") }),
  };
}

let command: Promise<PulumiCommand> | undefined;
/**
 * A workspace in the project's folder, or in another folder that has its Pulumi.yaml.
 *
 * @param secretsProvider what encrypts the secrets of a stack that is created @default the backend's own default
 */
async function workspaceOf(
  workDir = process.cwd(),
  secretsProvider?: string,
): Promise<LocalWorkspace> {
  // Uses whatever version the machine has. The tests run the oldest that works, which the README names.
  command ??= PulumiCommand.get({ skipVersionCheck: true });
  const workspace = await LocalWorkspace.create({
    workDir,
    pulumiCommand: await command,
    secretsProvider,
    envVars: engineEnvironment(),
  });
  // The API names the stack in every command, so selecting it is not needed. It would do harm: after a preview of production,
  // a plain `pulumi up` by hand would deploy to production.
  workspace.selectStack = () => Promise.resolve();
  return workspace;
}

/** Opens a stage's stack; undefined where Pulumi's state backend does not have it. */
export async function findStack(stage: string): Promise<Stack | undefined> {
  try {
    const stack = await Stack.select(stage, await workspaceOf());
    await stack.info(false); // the cheapest call that fails where the stack does not exist
    return stack;
  } catch (error) {
    if (error instanceof StackNotFoundError) return undefined;
    throw notOpened(stage, textOf(error));
  }
}

/**
 * Opens a stage's stack, for a command that does nothing without it.
 *
 * @param lacking how the error goes on after "there is no stack <stage>", such as " to remove"
 * @throws OperatorError where Pulumi's state backend does not have it
 */
export async function existingStack(
  stage: string,
  lacking: string,
  fix = "pulumi stack ls lists the stacks that exist, and pulumi whoami --verbose the backend in use",
): Promise<Stack> {
  const stack = await findStack(stage);
  if (stack) return stack;
  throw new OperatorError(`there is no stack ${stage}${lacking}`, fix);
}

/** A stack that was opened, and what is known of it before anything is done. */
export interface Opened {
  readonly stack: Stack;
  readonly state: State;
  /** The settings of its stage, as the engine resolves them. */
  readonly values: Values;
}

/** Opens a stage's stack. Creates it where Pulumi's state backend does not have it. */
export async function openStack(stage: Stage): Promise<Opened> {
  const { name } = stage;
  // Each of these starts the engine, which takes some tenths of a second.
  const [workspace, found, values] = await Promise.all([
    workspaceOf().catch((error: unknown): never => {
      throw notOpened(name, textOf(error));
    }),
    findState(name),
    stageValues(stage),
  ]);
  const stack = await Stack.select(name, workspace);
  if (found) return { stack, state: found, values };
  await createStack(stage);
  return { stack, state: await exportState(name), values: await stageValues(stage) };
}

/** Creates a stack. Pulumi writes its encryption salt into a stage file in the folder where it works, so it works in that of `stage`. */
async function createStack(stage: Stage): Promise<void> {
  const { name, file } = stage;
  refuseSecondState(name);
  const create = async () =>
    Stack.create(name, await workspaceOf(dirname(file), secretsProviderOf(file)));
  try {
    await create().catch((error: unknown) => {
      if (!isWrongPassphrase(textOf(error)) || !forgetUnusedKey(file)) throw error;
      return create();
    });
    progress.write(`created stack ${name}\n`);
  } catch (error) {
    const ifLost = `remove encryptionsalt and every "secure:" value from ${file} and set these secrets again`;
    throw (
      passphraseProblem(name, textOf(error), ifLost) ??
      new OperatorError(
        `the stack ${name} could not be created: ${textOf(error).trim()}`,
        "pulumi whoami --verbose shows the backend in use",
      )
    );
  }
}

/**
 * Wraps a listener so that it gets each event once. Older engines write events to a file, of which the API may read a part twice
 * while the file grows.
 */
export function once(listener: (event: EngineEvent) => void): (event: EngineEvent) => void {
  const seen = new Set<number>();
  return (event) => {
    if (seen.has(event.sequence)) return;
    seen.add(event.sequence);
    listener(event);
  };
}
