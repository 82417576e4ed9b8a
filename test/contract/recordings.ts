// The recordings of the official plugins, and what may differ between them and another run.
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Answer, Fields, Json } from "./plugin.ts";

export interface Exchange {
  readonly provider: string;
  readonly method: string;
  readonly request: Fields;
  readonly answer: Answer;
}

const folder = new URL("./recordings/", import.meta.url);

/** The names of the recorded steps, in order. */
export const steps = readdirSync(folder)
  .filter((file) => file.endsWith(".jsonl.gz"))
  .map((file) => file.replace(".jsonl.gz", ""))
  .sort();

/** The exchanges of one step, in the engine's order. The handshake is left out, because it contains only addresses. */
export function exchanges(step: string): Exchange[] {
  const lines = gunzipSync(readFileSync(new URL(`${step}.jsonl.gz`, folder)))
    .toString()
    .trim()
    .split("\n");
  const parsed = lines
    .map((line) => JSON.parse(line))
    .filter(({ method }) => method !== "Handshake");
  return parsed.map(({ method, request, response, errors }) => ({
    provider: providerOf(request.urn ?? ""),
    method,
    request,
    answer: errors
      ? { error: String(errors[0]).replace(/^rpc error: code = \w+ desc = /, "") }
      : { response: lowerKeys(response) },
  }));
}

const lowerKeys = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key.toLowerCase(), value]));

function providerOf(urn: string): string {
  const type = urn.split("::")[2] ?? "";
  return type.startsWith("pulumi:providers:") ? type.split(":")[2]! : type.split(":")[0]!;
}

const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const patterns: [RegExp, string][] = [
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "<uid>"],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "<time>"],
  [/\b(?:sha256:)?[0-9a-f]{64}\b/g, "<digest>"],
  [/(?<=[a-z]-)[0-9a-f]{8}\b/g, "<suffix>"],
];

/** Replaces ids, auto-names, times and digests by placeholders of their kind, so that two runs compare equal. */
export function normalise(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return value.map((item) => normalise(item)!);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normalise(item)!]));
  if (typeof value !== "string" || value === unknown) return value;
  return patterns.reduce((text, [pattern, kind]) => text.replace(pattern, kind), value);
}

/** Like `normalise`; in addition, of a generated password and its hash only the length is compared. */
export function normaliseRandom(value: Json | undefined, key = ""): Json | undefined {
  if (Array.isArray(value)) return value.map((item) => normaliseRandom(item, key)!);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        name,
        normaliseRandom(item, name === "value" ? key : name)!,
      ]),
    );
  const random = /^(?:result|bcryptHash)$/.test(key);
  return random && value !== unknown ? `<${String(value).length} characters>` : normalise(value);
}
