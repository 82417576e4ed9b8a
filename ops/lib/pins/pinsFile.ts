/** The file of pins, as `make update-pins` reads and rewrites it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { OperatorError } from "../errors.ts";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const pinsSchema = z.strictObject({
  images: z.record(
    z.string(),
    z.strictObject({
      name: z.string().regex(/^[^/\s]+\/[^:@\s]+:[^:@\s]+$|^[^/\s]+:\d+\/[^:@\s]+:[^:@\s]+$/),
      digest: digest.optional(),
    }),
  ),
  manifests: z.record(
    z.string(),
    z.strictObject({
      /** Page of the project's releases. */
      releases: z.url(),
      version: z.string(),
      /** Where `{version}` is; `{number}` is the same without letters in front. */
      url: z.string(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      /** Why it is not moved to newer releases. @default it is */
      held: z.string().optional(),
    }),
  ),
  /** By folder, the module whose version decides about the others there. */
  goModules: z.record(z.string(), z.string()),
});

export type Pins = z.output<typeof pinsSchema>;
export type ManifestPin = Pins["manifests"][string];

/** Reads and checks a file of pins. */
export function readPins(file: string): Pins {
  try {
    return pinsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new OperatorError(
      `${file} is no file of pins: ${reason}`,
      `mend it, or take the last good one: git checkout -- ${file}`,
    );
  }
}

/** The number in a version: `1.14.3` of `controller-v1.14.3`. */
export const numberOf = (version: string) => version.replace(/^\D+/, "");

/** Where a version of a manifest is. */
export const manifestUrl = ({ url }: ManifestPin, version: string) =>
  url.replaceAll("{version}", version).replaceAll("{number}", numberOf(version));

export const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

/** A source that can't be asked, or whose answer can't be used. */
export class NoAnswer extends Error {}

/** Asks over HTTP; whatever keeps the answer away is one error, with the reason. */
export async function ask(url: string, options: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(30_000), ...options });
  } catch (error) {
    const { message, cause } = error as Error & { readonly cause?: Error };
    throw new NoAnswer(`${new URL(url).host}: ${cause?.message ?? message}`);
  }
}

/** Downloads a file. */
export async function download(url: string): Promise<Uint8Array> {
  const response = await ask(url);
  if (!response.ok) throw new NoAnswer(`${url} answers ${response.status}`);
  return response.bytes();
}
