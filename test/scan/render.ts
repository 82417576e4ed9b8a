/**
 * Writes what a stage deploys as Kubernetes manifests, one `<stage>/<Kind>.<name>.yaml` per object: scanners read files,
 * not Pulumi programs.
 *
 * Usage: node test/scan/render.ts <folder> <stage>...
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { record, redact, type Recorded } from "../unit/support/record.ts";
import { stageConfig } from "../unit/support/stages.ts";

function manifest({ name, inputs }: Recorded) {
  const { metadata, ...object } = redact(inputs, "secret");
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
