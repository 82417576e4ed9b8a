/**
 * Writes what a stage deploys as Kubernetes manifests, one `<stage>/<Kind>.<name>.yaml` per object: scanners read files,
 * not Pulumi programs.
 *
 * Usage: node test/scan/render.ts <folder> <stage>...
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { isSecret, record, type Recorded } from "../unit/support/record.ts";
import { stageConfig } from "../unit/support/stages.ts";

/** The object as the cluster gets it, except for values that are secret. */
function withoutSecrets(value: any): any {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== "object") return value;
  if (isSecret(value))
    return typeof value.secret === "object"
      ? Object.fromEntries(Object.keys(value.secret).map((key) => [key, "secret"]))
      : "secret";
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner)]),
  );
}

function manifest({ name, inputs }: Recorded) {
  const { metadata, ...object } = withoutSecrets(inputs);
  // What has no name gets one from Pulumi, made of the resource's.
  return { ...object, metadata: { ...metadata, name: metadata.name ?? `${name}-1a2b3c4d` } };
}

const [folder, ...stages] = process.argv.slice(2);
for (const stage of stages) {
  const program = () => import(`../../index.ts?render-${stage}`);
  const { resources } = await record(program, stage, stageConfig(stage));
  const objects = resources.filter(({ type }) => type.startsWith("kubernetes:")).map(manifest);
  mkdirSync(join(folder!, stage), { recursive: true });
  for (const object of objects) {
    const file = join(folder!, stage, `${object.kind}.${object.metadata.name}.yaml`);
    writeFileSync(file, stringify(object), { flag: "wx" });
  }
}
