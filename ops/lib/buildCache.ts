/** The layers of the images' build stages, in the registry: a build on another machine begins with them. */
import type { Stage as Configuration } from "../../config/schema.ts";
import { imageOf } from "../../config/images.ts";
import { SERVICE_NAMES } from "../../config/services.ts";
import { OperatorError } from "./errors.ts";
import { run } from "./run.ts";

/** The stage of each Dockerfile whose steps take the time. Its layers are not part of the image itself. */
const BUILD_STAGE = "build";

/**
 * As the provider plugin builds: with BuildKit, for which Docker 20 must be asked; by Docker's own builder, so that Docker has the
 * image; and without attestations, which would be a part of it.
 */
const BUILDER = ["DOCKER_BUILDKIT=1", "BUILDX_BUILDER=default", "BUILDX_NO_DEFAULT_ATTESTATIONS=1"];

async function docker(start: typeof run, args: readonly string[], fix: string): Promise<void> {
  const { code, output } = await start(["env", ...BUILDER, "docker", ...args]);
  if (code === 0) return;
  const end = output.trim().split("\n").slice(-15).join("\n");
  throw new OperatorError(`docker ${args[0]} failed:\n${end}`, fix);
}

/**
 * Builds and pushes the cache of each image that the stage builds.
 *
 * @param say prints a line for the operator
 */
export async function pushCache(
  images: Configuration["images"],
  say: (line: string) => void,
  start = run,
): Promise<void> {
  for (const name of SERVICE_NAMES.filter((service) => !images[service])) {
    const { repository, context, platform, baseImage } = imageOf(name, images);
    const cache = `${repository}:cache`;
    // The same arguments as those of the deploy: another one would be another build, and its layers would not match.
    const options = [
      ["--target", BUILD_STAGE],
      ["--platform", platform],
      ["--build-arg", `BASE_IMAGE=${baseImage}`],
      ["--build-arg", "BUILDKIT_INLINE_CACHE=1"],
      ["--cache-from", cache],
      ["--tag", cache],
    ].flat();
    await docker(
      start,
      ["build", ...options, context],
      `docker build --target ${BUILD_STAGE} ${context} shows the whole output`,
    );
    await docker(start, ["push", cache], `log in to the registry: docker login ${images.registry}`);
    say(`pushed ${cache}`);
  }
}
