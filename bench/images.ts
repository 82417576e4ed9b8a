/** The sizes of images by layer, from the registry of the local cluster. */
import { gunzipSync } from "node:zlib";
import pins from "../config/pins.json" with { type: "json" };
import { SERVICES, SERVICE_NAMES, type ServiceName } from "../config/services.ts";
import { ask, look, placeOf } from "./registry.ts";
import type { Images } from "./stage.ts";

const REGISTRY = "localhost:5000";

/** A layer of an image. */
export interface Layer {
  readonly image: ServiceName;
  /** `base` where the base image has it too. */
  readonly part: "base" | "own";
  readonly compressed_bytes: number;
  readonly unpacked_bytes: number;
  readonly created_by: string;
}

/** The size of a layer's archive without its compression. */
async function unpackedSize(repository: string, digest: string): Promise<number> {
  const blob = await ask(REGISTRY, `${repository}/blobs/${digest}`);
  return gunzipSync(await blob.bytes()).length;
}

/** The line of the Dockerfile. A base image of one archive has none. */
const madeBy = (line = ""): string =>
  line.replace(/^RUN .*?\/bin\/sh -c /, "RUN ").replace(/ # buildkit$/, "") || "an archive";

/** The layers of a service's image. Those that the base image has as well are the first ones. */
async function layersOf(image: ServiceName, reference: string): Promise<readonly Layer[]> {
  const { repository, digest } = placeOf(reference);
  const { manifest, config } = await look(REGISTRY, repository, digest);
  const [, base = "", tag = ""] = /^[^/]+\/(.+):(.+)$/.exec(
    pins.images[SERVICES[image].base].name,
  )!;
  const inBase = new Set((await look(REGISTRY, base, tag)).config.rootfs.diff_ids);
  const steps = config.history.filter(({ empty_layer }) => !empty_layer);
  return Promise.all(
    manifest.layers.map(async ({ digest, size }, index) => ({
      image,
      part: inBase.has(config.rootfs.diff_ids[index]!) ? "base" : "own",
      compressed_bytes: size,
      unpacked_bytes: await unpackedSize(repository, digest),
      created_by: madeBy(steps[index]?.created_by),
    })),
  );
}

/** The layers of both images. */
export async function imageLayers(images: Images): Promise<readonly Layer[]> {
  const layers = await Promise.all(SERVICE_NAMES.map((name) => layersOf(name, images[name]!)));
  return layers.flat();
}
