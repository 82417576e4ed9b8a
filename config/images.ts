/** How the images of a stage are built. */
import type { ContainerImageArgs } from "../components/containerImage.ts";
import { imageReference } from "./pins.ts";
import type { Stage } from "./schema.ts";
import { SERVICES, type ServiceName } from "./services.ts";

/** What the build of a service's image depends on, and where the image goes. */
export const imageOf = (
  name: ServiceName,
  { registry, repository, platform, baseRegistry }: Stage["images"],
): Pick<ContainerImageArgs, "repository" | "context" | "platform" | "baseImage"> => ({
  repository: `${registry}/${repository}/${name}`,
  context: `./app/${name}`,
  platform,
  baseImage: imageReference(SERVICES[name].base, baseRegistry),
});
