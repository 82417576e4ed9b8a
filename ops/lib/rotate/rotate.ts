/** Rotates a generated secret: raises its counter, deploys, and checks that the new value is in use and the old one is not. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { PROJECT_NAME } from "../../../config/decode.ts";
import { SECRET_KEYS } from "../../../config/schema.ts";
import type { deploy } from "../deploy.ts";
import { OperatorError } from "../errors.ts";
import { progress } from "../output.ts";
import type { LastDeploy } from "../revisions/restore.ts";
import type { Place } from "../kubectl.ts";
import type { State } from "../state/state.ts";
import { effectiveConfig, settingsIn, stageOf, stageValues, type Stage } from "../stage.ts";
import { withTemporaryStage } from "../temporaryStage.ts";
import { COUNTERS, GENERATED, deployedCounter, withCounter, type Generated } from "./counters.ts";
import { checkLogin, valuesInUse } from "./values.ts";

interface Request {
  readonly secret: Generated;
  /** Whether the old value has become known, so that it must become invalid. */
  readonly leaked: boolean;
  /** Whether the command line has confirmed the deploy. */
  readonly yes: boolean;
}

const commandOf = (stage: string, { secret, leaked }: Pick<Request, "secret" | "leaked">) =>
  `make rotate SECRET=${secret} STAGE=${stage}${leaked ? " ARGS=--leaked" : ""}`;

const isGenerated = (name: string): name is Generated =>
  (GENERATED as readonly string[]).includes(name);

/**
 * The secret of that name.
 *
 * @throws OperatorError where the stack does not generate it
 */
export function generatedSecret(stage: string, name: string): Generated {
  if (isGenerated(name)) return name;
  const given = (key: string) =>
    `pulumi config set --stack ${stage} --secret ${PROJECT_NAME}:${key}, then make up STAGE=${stage}`;
  if ((SECRET_KEYS as readonly string[]).includes(name))
    throw new OperatorError(
      `${name} is given by the configuration of ${stage}; only the service that it belongs to has a new one`,
      `get a new one there; ${given(name)}`,
    );
  throw new OperatorError(
    `SECRET=${name} is no secret of the stack`,
    `use one of ${GENERATED.join(", ")}, as in: ${commandOf(stage, { secret: "auth", leaked: false })}; ` +
      `those of the configuration are ${SECRET_KEYS.join(", ")}: ${given("<name>")}`,
  );
}

/** By how much the counter is raised, for each deploy. More than one value before may be known after a leak. */
export function stepsOf({ secret, leaked }: Pick<Request, "secret" | "leaked">): readonly number[] {
  if (!leaked) return [1];
  // The frontend has the values before and after the current one as well. Of the database's two roles, pods that run need
  // the other one until they are replaced.
  return { auth: [3], databasePassword: [1, 1], databaseOwnerPassword: [1] }[secret];
}

/** What a rotation is based on: how the stack was deployed last. */
export interface Deployed {
  readonly last: LastDeploy;
  readonly state: State;
}

/**
 * Checks whether a secret can be rotated, before anything changes.
 *
 * @returns the counter, and where the stage is deployed
 */
async function current(stage: Stage, { secret }: Request, { last, state }: Deployed) {
  const { name } = stage;
  const values = await stageValues(stage, { showSecrets: false });
  const config = effectiveConfig(name, values);
  const place = settingsIn(name, values);
  if (!config || !place.context)
    throw new OperatorError(
      `the configuration of ${name} is not valid`,
      `make preview STAGE=${name} says what is wrong`,
    );
  if (secret !== "auth" && config.database.mode === "external")
    throw new OperatorError(
      `the database of ${name} is external: its password is part of databaseUrl, and the stack has no ${secret}`,
      generatedFix(name),
    );
  const counter = config.secretVersions[secret];
  const deployed = deployedCounter(state.deployment.resources ?? [], secret);
  // Pods that run may need the value before that of the counter, which a second rotation would make invalid.
  if (last.end !== "succeeded" || counter !== deployed)
    throw new OperatorError(
      counter === deployed
        ? `the last deploy of ${name} has ${last.end === "killed" ? "been killed" : "failed"}`
        : `${COUNTERS}.${secret} of ${name} is ${counter}, and ${deployed} is deployed`,
      `make up STAGE=${name} first, so that all pods have the current value`,
    );
  return { counter, place };
}

const generatedFix = (stage: string) =>
  `change it where the database is managed; pulumi config set --stack ${stage} --secret ${PROJECT_NAME}:databaseUrl, then make up STAGE=${stage}`;

/** The files that state the counter: the stage's own one, and the one that it is deployed from, which may be a merged one. */
function filesOf({ name, file }: Stage): readonly string[] {
  const files = [stageOf(name).file, file].filter((path) => existsSync(path));
  return [...new Set(files.map((path) => resolve(path)))];
}

/** How to go on after a deploy that failed when the counter was raised already. */
function goOn(stage: string, request: Request, value: number, step: number, isLast: boolean) {
  const { secret, leaked } = request;
  const more = isLast ? "" : `, and ${commandOf(stage, { secret, leaked: false })} after that`;
  const back =
    `; to go back, pulumi config set --stack ${stage} --path ${COUNTERS}.${secret} ${value - step}, ` +
    `then make up STAGE=${stage}`;
  return `${COUNTERS}.${secret} is now ${value}: make up STAGE=${stage} continues${more}${leaked ? "" : back}`;
}

/** Deploys the stage with a raised counter. Its files get the counter once the deploy is confirmed. */
async function raise(
  stage: Stage,
  request: Request,
  { value, step, isLast }: { value: number; step: number; isLast: boolean },
  run: typeof deploy,
): Promise<void> {
  const { secret, yes } = request;
  const raised = (file: string) => withCounter(readFileSync(file, "utf8"), secret, value);
  const written: string[] = [];
  const begin = () => {
    for (const file of filesOf(stage)) {
      writeFileSync(file, raised(file));
      written.push(file);
    }
    progress.write(`${COUNTERS}.${secret} of ${stage.name}: ${value - step} → ${value}\n`);
  };
  try {
    await withTemporaryStage(stage, raised(stage.file), (temporary) =>
      run(temporary, {
        yes,
        rotation: { secret, command: commandOf(stage.name, request), begin },
      }),
    );
  } catch (error) {
    if (!written.length || !(error instanceof OperatorError)) throw error;
    const fix = `${error.fix}; ${goOn(stage.name, request, value, step, isLast)}`;
    throw new OperatorError(error.message, fix);
  }
}

/** Checks that the value in use is new, and that a value that must not be valid any more is not. */
async function check(
  place: Place,
  { secret, leaked }: Request,
  before: readonly string[],
): Promise<void> {
  const after = await valuesInUse(place, secret);
  const ends = leaked || secret === "databaseOwnerPassword";
  if (after[0] === before[0] || (ends && after.some((value) => before.includes(value))))
    throw new OperatorError(
      `pods still have the old value of ${secret}`,
      `kubectl --context ${place.context} --namespace ${place.namespace} get pods,secrets shows which; then rotate again`,
    );
  if (secret === "auth") return;
  await checkLogin(place, after[0]!, "accepted");
  if (ends) await checkLogin(place, before[0]!, "refused");
}

function outcome({ secret, leaked }: Request): string {
  if (secret === "auth")
    return leaked
      ? "the old value is invalid: everybody has to sign in again"
      : "the value before stays valid until the next rotation: nobody is signed out";
  return leaked || secret === "databaseOwnerPassword"
    ? "the database accepts the new password and refuses the old one"
    : "the database accepts the new password; the one before stays valid until the next rotation";
}

/** Rotates a secret of a stage that is deployed. */
export async function rotate(
  stage: Stage,
  request: Request,
  deployed: Deployed,
  run: typeof deploy,
): Promise<void> {
  const { counter, place } = await current(stage, request, deployed);
  const before = await valuesInUse(place, request.secret);
  const steps = stepsOf(request);
  let value = counter;
  for (const [index, step] of steps.entries()) {
    value += step;
    const yes = request.yes || index > 0; // asked once
    const isLast = index === steps.length - 1;
    await raise(stage, { ...request, yes }, { value, step, isLast }, run);
  }
  await check(place, request, before);
  process.stdout.write(
    `\n${request.secret} of ${stage.name} is rotated: ${outcome(request)}\n` +
      `commit ${stageOf(stage.name).file}: a deploy with the old counter would bring an old value back\n`,
  );
}
