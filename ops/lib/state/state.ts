/** The state of a stack, as far as operators' commands read or change it. */
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";

/** A resource of the state. */
export interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly delete?: boolean;
  /** Whether the stack only reads it. */
  readonly external?: boolean;
  readonly protect?: boolean;
  readonly retainOnDelete?: boolean;
  readonly pendingReplacement?: boolean;
  readonly inputs?: {
    readonly apiVersion?: string;
    readonly kind?: string;
    readonly metadata?: { readonly name?: string; readonly namespace?: string };
  };
  readonly outputs?: Record<string, unknown>;
}

export interface State {
  readonly version: number;
  readonly deployment: {
    resources?: Resource[];
    pending_operations?: { readonly type: string; readonly resource: Resource }[];
  };
}

/** The resources that stay: those that a replacement has left to be deleted are not among them. */
export const presentIn = ({ deployment }: State): readonly Resource[] =>
  (deployment.resources ?? []).filter((resource) => !resource.delete);

/** Operations that a killed deploy had begun and never finished. */
export const pendingOf = (state: State) => state.deployment.pending_operations ?? [];

/** Whether a deploy was killed while an operation was under way. */
export const hasPendingOperations = (state: State) => pendingOf(state).length > 0;

interface Options {
  /** Whether secrets are decrypted, for a state that is only compared. @default false */
  readonly showSecrets?: boolean;
}

const WHERE = "pulumi whoami --verbose shows the backend in use";

const exported = (stage: string, { showSecrets = false }: Options = {}) =>
  run([
    ...(["pulumi", "stack", "export", "--stack", stage] as const),
    ...(showSecrets ? ["--show-secrets"] : []),
  ]);

/**
 * Reads the state of a stack. Its secrets stay encrypted: the Automation API would decrypt them, and write them to a file when
 * the state is imported again.
 *
 * @throws OperatorError when Pulumi's state backend does not give it
 */
export async function exportState(stage: string, options?: Options): Promise<State> {
  const { code, stdout, output } = await exported(stage, options);
  if (code === 0) return JSON.parse(stdout) as State;
  throw new OperatorError(`the state of ${stage} can't be read: ${output.trim()}`, WHERE);
}

/** The error for a stack that can't be opened. @param reason what the engine says */
export const notOpened = (stage: string, reason: string) =>
  new OperatorError(`the stack ${stage} can't be opened: ${reason.trim()}`, WHERE);

/**
 * Reads the state of a stack that may not exist, as `exportState` does.
 *
 * @returns undefined where Pulumi's state backend does not have the stack
 */
export async function findState(stage: string): Promise<State | undefined> {
  const { code, stdout, output } = await exported(stage);
  if (code === 0) return JSON.parse(stdout) as State;
  if (/no stack named.*found/.test(output)) return undefined;
  throw notOpened(stage, output);
}
