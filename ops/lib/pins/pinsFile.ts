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
      /** The web page of the project's releases. */
      releases: z.url(),
      version: z.string(),
      /** Where a release is downloaded. `{version}` stands for the version, `{number}` for the version without leading letters. */
      url: z.string(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      /** Why it is kept at this release. @default it is moved to newer releases */
      held: z.string().optional(),
    }),
  ),
  /** By module, the folder that requires it. Its version decides the versions of all others there. */
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
      `${file} is not a valid file of pins: ${reason}`,
      `correct it, or restore the committed one: git checkout -- ${file}`,
    );
  }
}

/** The number in a version: `1.14.3` of `controller-v1.14.3`. */
export const numberOf = (version: string) => version.replace(/^\D+/, "");

/** The URL of a version of a manifest. */
export const manifestUrl = ({ url }: ManifestPin, version: string) =>
  url.replaceAll("{version}", version).replaceAll("{number}", numberOf(version));

export const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

/** The error of a source that can't be reached, or whose answer can't be used. */
export class NoAnswer extends Error {}

/** Sends an HTTP request. @throws NoAnswer with the reason, whatever it is, where no response comes */
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
