/** How the images are built: as those of dev, under names of their own. */
import { fileURLToPath } from "node:url";
import { imageOf } from "../../config/images.ts";
import { imagesSchema } from "../../config/imagesSchema.ts";
import type { ServiceName } from "../../config/services.ts";
import { readYaml } from "../../ops/lib/yaml.ts";

/** What names the images, which are never pushed. */
const NAMES = { registry: "bench", repository: "builds" };

/** What the build of a service's image depends on. Its folder is one of that name, wherever the build runs. */
export function buildOf(name: ServiceName) {
  const { config } = readYaml(fileURLToPath(new URL("../../Pulumi.dev.yaml", import.meta.url)));
  const images = imagesSchema.parse(config?.["todo-app:images"]);
  return { ...imageOf(name, { ...images, ...NAMES }), context: name };
}
