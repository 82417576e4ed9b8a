/**
 * Writes what a stage deploys as Kubernetes manifests, one `<stage>/<order>-<Kind>.<name>.yaml` per object: scanners read
 * files, not Pulumi programs.
 *
 * Usage: node test/scan/render.ts <folder> <stage>...
 */
import { join } from "node:path";
import { manifestsOf } from "../../ops/lib/render/manifests.ts";
import { MADE_UP } from "../../ops/lib/render/record.ts";
import { writeFolder } from "../../ops/lib/render/render.ts";
import { record } from "../unit/support/record.ts";
import { stageConfig } from "../unit/support/stages.ts";

const [folder, ...stages] = process.argv.slice(2);
for (const stage of stages) {
  const program = () => import(`../../index.ts?render-${stage}`);
  const { resources } = await record(program, stage, stageConfig(stage));
  writeFolder(join(folder!, stage), manifestsOf(resources, MADE_UP));
}
