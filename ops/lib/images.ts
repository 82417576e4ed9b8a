/** The images that a stage runs, as a pipeline reads them. */
import { isObject } from "./yaml.ts";

/**
 * A line for each part of a reference, such as `backend-name=ghcr.io/todo-app/backend` and `backend-digest=sha256:…`, and one for
 * the revision.
 *
 * @param images the output `images` of the stack
 * @param revision number of the newest revision; undefined where none is kept
 */
export function imageLines(images: unknown, revision: number | undefined): string {
  if (!isObject(images)) return "";
  const lines = Object.entries(images).flatMap(([image, reference]) => {
    const [tagged = "", digest = ""] = String(reference).split("@");
    // A colon before the last slash is that of a port.
    const name = tagged.replace(/:[^:/]*$/, "");
    return [`${image}-name=${name}`, `${image}-digest=${digest}`];
  });
  return [...lines, ...(revision === undefined ? [] : [`revision=${revision}`]), ""].join("\n");
}
