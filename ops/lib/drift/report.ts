/** What `make drift` and `make heal` say about a stage. */
import { existingStack } from "../engine/engine.ts";
import { cut } from "../output.ts";
import { verifyCluster } from "../state/clusterIdentity.ts";
import { exportState } from "../state/state.ts";
import { settingsOf, type Stage } from "../stage.ts";
import { deployedIn } from "./deployed.ts";
import {
  differenceOf,
  findDrift,
  type Drifted,
  type DriftedField,
  type DriftedObject,
} from "./drift.ts";

/** The output of `drift --json`. Keys may be added; those that are here keep their meaning. */
export interface Report {
  readonly stage: string;
  readonly context: string;
  readonly namespace: string;
  readonly drifted: boolean;
  /** One entry for each object that is gone or has other values than the stack set. */
  readonly objects: readonly DriftedObject[];
}

/** A longer value, such as a list of rules, is cut. */
const LONGEST = 160;

/** Fields that a setting of the stage decides, by the kind of their object. */
const SETTINGS: readonly (readonly [RegExp, (workload: string) => string])[] = [
  [/^Deployment (backend|frontend) spec\.replicas$/, (name) => `${name}.replicas`],
  [/^Deployment (backend|frontend) spec\.template\..*\.resources\b/, (name) => `${name}.resources`],
  [/^Deployment (backend|frontend) spec\.template\..*\.image$/, (name) => `images.${name}`],
  [
    /^HorizontalPodAutoscaler (backend|frontend) spec\.m(?:in|ax)Replicas$/,
    (name) => `${name}.autoscaling`,
  ],
  [
    /^Deployment (?:backend|frontend) spec\.template\.spec\.priorityClassName$/,
    () => "priorityClassName",
  ],
  [/^Ingress \S+ spec\.ingressClassName$/, () => "route.className"],
  [/^Ingress \S+ spec\.(?:rules|tls)\b/, () => "host"],
  [/^ResourceQuota \S+ spec\.hard\b/, () => "quota"],
];

/** The objects of a deployed stage that differ from what its stack set, and where they are. */
export async function driftOf(
  stage: Stage,
): Promise<{ readonly report: Report; readonly drifted: readonly Drifted[] }> {
  await existingStack(stage.name, ", so nothing of it can have been changed");
  const { context, namespace } = await settingsOf(stage);
  const state = await exportState(stage.name, { showSecrets: true });
  await verifyCluster(stage.name, state, context);
  const drifted = await findDrift(context, deployedIn(state));
  const objects = drifted.map(differenceOf);
  const place = { stage: stage.name, context, namespace };
  return { report: { ...place, drifted: objects.length > 0, objects }, drifted };
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return "not set";
  const text = typeof value === "string" && value ? value : JSON.stringify(value);
  return cut(text, LONGEST);
}

/** Who has written a field, in words. */
export function ownerText({ owner }: DriftedField): string {
  if (!owner) return "nobody owns it now";
  const { manager, operation, time } = owner;
  return `by ${manager} (${operation}${time ? `, ${time}` : ""})`;
}

/** A field with the value that the stack has set, and the one that it has now. */
export function changeText({ path, expected, actual, secret }: DriftedField): string {
  if (secret) return `${path}: differs, values not shown`;
  return `${path}: ${valueText(expected)} → ${valueText(actual)}`;
}

const fieldText = (field: DriftedField): string =>
  `    ${changeText(field)}\n      ${ownerText(field)}\n`;

function objectText({ kind, name, gone, holdsData, fields }: DriftedObject): string {
  if (gone) return `  ${kind} ${name} is gone${holdsData ? ", with the data that it held" : ""}\n`;
  return `  ${kind} ${name}\n${fields.map(fieldText).join("")}`;
}

/** The settings of the stage file that decide the fields that have changed. */
export function settingsFor(objects: readonly DriftedObject[]): readonly string[] {
  const fields = objects.flatMap(({ kind, name, fields }) =>
    fields.map(({ path }) => `${kind} ${name} ${path}`),
  );
  const settings = fields.flatMap((field) =>
    SETTINGS.flatMap(([pattern, setting]) => {
      const match = pattern.exec(field);
      return match ? [setting(match[1] ?? "")] : [];
    }),
  );
  return [...new Set(settings)];
}

/** The drift as text, and what an operator can do about it. */
export function reportText({ stage, context, namespace, objects }: Report): string {
  const place = `namespace ${namespace} of context ${context}`;
  if (!objects.length) return `${stage} is as it was deployed, ${place}\n`;
  const settings = settingsFor(objects);
  return (
    `changed by hand in ${stage}, ${place} (deployed → now):\n` +
    objects.map(objectText).join("") +
    `make heal STAGE=${stage} puts back what the stack sets\n` +
    (settings.length
      ? `to keep a change instead, set it in the stage file, as a value of ${settings.join(", ")}\n`
      : "")
  );
}
