/** What differs between two revisions, in words. */
import { PROJECT_NAME } from "../../../config/decode.ts";
import { leaves } from "../stage.ts";
import type { Migrations, Revision, StageFile } from "./revision.ts";

/** A longer value, such as a certificate, is not shown. */
const LONGEST = 40;

/** The key of an encrypted value in a stage file. */
const ENCRYPTED = ".secure";

/** The settings of a stage file by their dotted keys, such as `backend.replicas`. */
function settingsIn({ config = {}, environment }: StageFile): ReadonlyMap<string, unknown> {
  const ofProject = Object.entries(config).flatMap(([key, value]) =>
    leaves(key.startsWith(`${PROJECT_NAME}:`) ? key.slice(PROJECT_NAME.length + 1) : key, value),
  );
  return new Map([...ofProject, ...leaves("environment", environment)]);
}

function shown(value: unknown): string {
  if (value === undefined) return "not set";
  return typeof value === "string" && value ? value : JSON.stringify(value);
}

function inWords(key: string, before: unknown, after: unknown): string {
  if (key.endsWith(ENCRYPTED)) return `${key.slice(0, -ENCRYPTED.length)} changed`;
  const values = [shown(before), shown(after)];
  const isShort = values.every((text) => text.length <= LONGEST && !text.includes("\n"));
  return isShort ? `${key} ${values.join(" → ")}` : `${key} changed`;
}

/** The settings that differ between two stage files. Values of secrets are not shown. */
export function settingDifferences(before: StageFile, after: StageFile): string[] {
  const [old, now] = [settingsIn(before), settingsIn(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((key) => shown(old.get(key)) !== shown(now.get(key)))
    .map((key) => inWords(key, old.get(key), now.get(key)));
}

/** The part of a revision that is compared. */
export type Comparable = Pick<Revision, "images" | "migrations" | "stageFile">;

/** What is deployed differently in the second revision; nothing where both deploy the same. */
export function differences(before: Comparable, after: Comparable): string[] {
  const services = new Set([...Object.keys(before.images), ...Object.keys(after.images)]);
  const images = [...services].filter((name) => before.images[name] !== after.images[name]);
  return [
    ...images.map((name) => `image of ${name}`),
    ...missingMigrations(after, before).map((name) => `migration ${name}`),
    ...settingDifferences(before.stageFile, after.stageFile),
  ];
}

/** The migrations that the images of `revision` have and those of `other` lack; none where that is not known. */
export function missingMigrations(revision: Migrations, other: Migrations): string[] {
  const { migrations } = other;
  return migrations ? (revision.migrations ?? []).filter((name) => !migrations.includes(name)) : [];
}
