/** The counters of `secretVersions` in stage files. Each stands for one generated secret, and raising it generates a new value. */
import { isMap, isScalar, parseDocument } from "yaml";
import { PROJECT_NAME } from "../../../config/decode.ts";
import type { Resource } from "../state/state.ts";
import { decoded } from "../stage.ts";
import { isObject, type Values } from "../yaml.ts";

/** The secrets that the stack generates. */
export const GENERATED = ["auth", "databasePassword", "databaseOwnerPassword"] as const;
export type Generated = (typeof GENERATED)[number];

/** The key of the counters in a stage file. */
export const COUNTERS = `${PROJECT_NAME}:secretVersions`;

/** The counters that the settings of a stage file state. */
export function countersIn(config: Values = {}): Values {
  const { secretVersions } = decoded(config);
  return isObject(secretVersions) ? secretVersions : {};
}

/** The text of a stage file in which a counter has another value. All else stays as it is written. */
export function withCounter(text: string, secret: Generated, value: number): string {
  const insert = (at: number, what: string, end = at) => text.slice(0, at) + what + text.slice(end);
  const indentAt = (at: number) => " ".repeat(at - (text.lastIndexOf("\n", at - 1) + 1));
  const document = parseDocument(text, { merge: true });
  const counters = document.getIn(["config", COUNTERS], true);
  const counter = isMap(counters) ? counters.get(secret, true) : undefined;
  if (isScalar(counter)) return insert(counter.range![0], String(value), counter.range![1]);
  const config = document.get("config", true);
  const first = isMap(counters) ? counters.items[0]?.key : undefined;
  if (isMap(counters) && isScalar(first)) {
    const at = first.range![0];
    return insert(at, `${secret}: ${value}${counters.flow ? ", " : `\n${indentAt(at)}`}`);
  }
  const top = isMap(config) && !config.flow ? config.items[0]?.key : undefined;
  if (counters === undefined && isMap(config) && isScalar(top)) {
    const indent = indentAt(top.range![0]);
    const end = config.range![1];
    const lineEnd = text[end - 1] === "\n" ? "" : "\n";
    return insert(end, `${lineEnd}${indent}${COUNTERS}:\n${indent}  ${secret}: ${value}\n`);
  }
  // Counters as text, behind an anchor, or in a file without settings.
  const written = isMap(config) ? countersIn(config.toJS(document) as Values) : {};
  document.setIn(["config", COUNTERS], { ...written, [secret]: value });
  return document.toString({ lineWidth: 0 });
}

/** The resources of the stack that hold the values, and how many of them are generated ahead of the current one. */
const RESOURCES: Readonly<Record<Generated, { readonly name: RegExp; readonly ahead: number }>> = {
  auth: { name: /::secrets-auth-v(\d+)$/, ahead: 1 },
  databasePassword: { name: /::secrets-database-app-v(\d+)$/, ahead: 0 },
  databaseOwnerPassword: { name: /::secrets-database-owner-v(\d+)$/, ahead: 0 },
};

/** The counter that was deployed last. */
export function deployedCounter(resources: readonly Resource[], secret: Generated): number {
  const { name, ahead } = RESOURCES[secret];
  const versions = resources
    .filter((resource) => !resource.delete)
    .flatMap(({ urn }) => name.exec(urn)?.[1] ?? [])
    .map(Number);
  return Math.max(1, ...versions.map((version) => version - ahead));
}
