/** The sizes of images by layer, from the registry of the local cluster. */
import { gunzipSync } from "node:zlib";
import pins from "../config/pins.json" with { type: "json" };
import { SERVICES, SERVICE_NAMES, type ServiceName } from "../config/services.ts";
import type { Images } from "./stage.ts";

const REGISTRY = "localhost:5000";
const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** The part of an image's configuration that names its layers. */
interface Config {
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly created_by?: string; readonly empty_layer?: boolean }[];
}

/** A layer of an image. */
export interface Layer {
  readonly image: ServiceName;
  /** `base` where the base image has it too. */
  readonly part: "base" | "own";
  readonly compressed_bytes: number;
  readonly unpacked_bytes: number;
  readonly created_by: string;
}

async function get(path: string, accept = "*/*"): Promise<Response> {
  const response = await fetch(`http://${REGISTRY}/v2/${path}`, { headers: { accept } });
  if (!response.ok) throw new Error(`${REGISTRY}/v2/${path} answers ${response.status}`);
  return response;
}

/** What the registry says of an image. */
async function look(repository: string, reference: string) {
  const found = await get(`${repository}/manifests/${reference}`, MANIFEST_TYPES.join());
  const manifest = (await found.json()) as Manifest;
  const config = await get(`${repository}/blobs/${manifest.config.digest}`);
  return { manifest, config: (await config.json()) as Config };
}

/** The size of a layer's archive without its compression. */
async function unpackedSize(repository: string, digest: string): Promise<number> {
  const blob = await get(`${repository}/blobs/${digest}`);
  return gunzipSync(await blob.bytes()).length;
}

/** The line of the Dockerfile. A base image of one archive has none. */
const madeBy = (line = ""): string =>
  line.replace(/^RUN .*?\/bin\/sh -c /, "RUN ").replace(/ # buildkit$/, "") || "an archive";

/** The layers of a service's image. Those that the base image has as well are the first ones. */
async function layersOf(image: ServiceName, reference: string): Promise<readonly Layer[]> {
  const [, repository = "", digest = ""] = /^[^/]+\/(.+)@(.+)$/.exec(reference) ?? [];
  const { manifest, config } = await look(repository, digest);
  const [, base = "", tag = ""] = /^[^/]+\/(.+):(.+)$/.exec(
    pins.images[SERVICES[image].base].name,
  )!;
  const inBase = new Set((await look(base, tag)).config.rootfs.diff_ids);
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
