/** The form in which `make dev` deploys the services: one pod each, whose sources change while it runs. */
import { memoryBytes, type ContainerResources } from "../components/kubernetes/resources.ts";
import type { Stage } from "./schema.ts";
import { SERVICE_NAMES, serviceOf, type Development, type ServiceName } from "./services.ts";

/** How a service runs in development; undefined where it runs as in every other stage. */
export function developmentOf(
  name: ServiceName,
  { development }: Pick<Stage, "development">,
): Development | undefined {
  return development ? serviceOf(name).development : undefined;
}

const larger = (memory: string, least = "0") =>
  memoryBytes(memory) < memoryBytes(least) ? least : memory;

/** The sizes with at least that memory. There is no CPU limit: it would make each compilation slower. */
const withMemory = (
  { requests, limits }: ContainerResources,
  least: Development["memory"],
): ContainerResources => ({
  requests: { ...requests, memory: larger(requests.memory, least?.request) },
  limits: { memory: larger(limits.memory, least?.limit) },
});

/** The number and the sizes of the pods of a service, as they are deployed. */
export function podsOf(name: ServiceName, stage: Stage): Stage[ServiceName] {
  const development = developmentOf(name, stage);
  if (!development) return stage[name];
  const resources = withMemory(stage[name].resources, development.memory);
  return { replicas: 1, resources };
}

/** Why a stage may not have that form; undefined where it may. */
export function developmentProblem({
  protectResources,
  canary,
  images,
}: Stage): string | undefined {
  if (protectResources)
    return "protectResources is true: what people rely on runs images that were built for it";
  if (canary.release) return "a canary runs, which compares images";
  const prebuilt = SERVICE_NAMES.find((name) => images[name]);
  return prebuilt && `images.${prebuilt} names an image that was built for another form`;
}
