/**
 * What is pinned outside the lock files: images by digest, downloaded manifests by hash. `make update-pins` updates
 * them.
 */
import pins from "./pins.json" with { type: "json" };

/** Images that are used but not built here. */
export type PinnedImage = keyof typeof pins.images;
/** Manifests that operators install into a cluster. */
export type PinnedManifest = keyof typeof pins.manifests;

/** An image by tag and digest, such as `docker.io/library/postgres:17@sha256:…`. */
interface ImagePin {
  /** Registry, path and tag. */
  readonly name: string;
  /** Digest of the multi-platform index. @default none: the tag decides, until `make update-pins` adds the digest */
  readonly digest?: string;
}

/**
 * The reference of a pinned image. `TODO_APP_IMAGE_DIGESTS=none` leaves out the digest. The local cluster sets it,
 * because its base images are stand-ins with other digests.
 *
 * @param registry registry and path to take the image from
 * @default the official ones
 */
export function imageReference(image: PinnedImage, registry?: string): string {
  const { name, digest }: ImagePin = pins.images[image];
  const found = registry ? name.replace(/^.*(?=\/)/, registry) : name;
  return digest && process.env.TODO_APP_IMAGE_DIGESTS !== "none" ? `${found}@${digest}` : found;
}

/** The release of a manifest, such as `v1.21.2`. */
export const manifestVersion = (manifest: PinnedManifest): string =>
  pins.manifests[manifest].version;
