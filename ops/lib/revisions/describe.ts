/** Words for revisions, as operators read them. */
import type { Revision } from "./revision.ts";

/** A revision as `make history` lists it, without its stage file. What is not known is null. */
export interface Listed extends Pick<Revision, "number" | "time" | "user" | "outcome" | "images"> {
  readonly commit: string | null;
  readonly dirty: boolean | null;
  readonly migrations: readonly string[] | null;
  /** What differs from the revision before, in words; null for the oldest that is kept. */
  readonly differences: readonly string[] | null;
}

/** The beginning of a commit or of a digest, long enough to find it. */
const SHORT = 8;

/** "2026-01-31T10:20:30.000Z" → "2026-01-31 10:20 UTC" */
export const shortTime = (time: string) => `${time.slice(0, 16).replace("T", " ")} UTC`;

/** The commit that a revision was deployed from. */
export function shortCommit({ commit, dirty }: Pick<Listed, "commit" | "dirty">): string {
  if (!commit) return "no commit";
  return `commit ${commit.slice(0, SHORT)}${dirty ? " with local changes" : ""}`;
}

/** "ghcr.io/a/b@sha256:0123456789abcdef…" → "01234567". A tag stays as it is. */
const shortImage = (reference: string) =>
  reference.includes("@sha256:") ? reference.split("@sha256:")[1]!.slice(0, SHORT) : reference;

function sinceThen(differences: Listed["differences"]): string {
  if (!differences) return "the oldest that is kept";
  return `since the one before: ${differences.join("; ") || "the same images and settings"}`;
}

/** The lines that describe a revision. */
export function describe(revision: Listed): string {
  const { number, time, user, outcome, images, differences } = revision;
  const parts = [shortTime(time), user, shortCommit(revision)];
  const shown = Object.entries(images).map(([name, image]) => `${name} ${shortImage(image)}`);
  return [
    `${String(number).padStart(4)}  ${parts.join(", ")}${outcome === "deployed" ? "" : `, ${outcome}`}`,
    `      images: ${shown.join(", ")}`,
    `      ${sinceThen(differences)}`,
    "",
  ].join("\n");
}

/** The commands that keep images in a stage file, a line each. */
export const pinCommands = (stage: string, images: Revision["images"]): string =>
  Object.entries(images)
    .map(
      ([service, image]) =>
        `      pulumi config set --stack ${stage} --path todo-app:images.${service} ${image}\n`,
    )
    .join("");
