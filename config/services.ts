/**
 * The app's services; no other place lists them. Each has a key of its name in the stage files, an image that is built
 * in `app/<name>`, and room in the quota and in the database. `index.ts` creates each one and says what its pods need.
 */
import type { ContainerResources } from "../components/kubernetes/resources.ts";
import type { PinnedImage } from "./pins.ts";

/** What is the same in every stage, and the size of the pods in a stage that sets none. */
export interface Service {
  /** The image that its Dockerfile builds on. */
  readonly base: PinnedImage;
  /** Connections to the database that one pod holds at most: the size of its connection pool. */
  readonly connections: number;
  /** CPU and memory of one pod, unless the stage file sets them. */
  readonly resources: ContainerResources;
}

export const SERVICES = {
  backend: {
    base: "python",
    connections: 6,
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
  },
  // The frontend needs its memory to hash passwords: four at a time, 33 MB each.
  frontend: {
    base: "node",
    connections: 2,
    resources: { requests: { cpu: "100m", memory: "192Mi" }, limits: { memory: "512Mi" } },
  },
} satisfies Readonly<Record<string, Service>>;

export type ServiceName = keyof typeof SERVICES;

export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

/** Makes one value for each service, by the service's name. */
export function forEachService<T>(make: (name: ServiceName, service: Service) => T) {
  const entries = SERVICE_NAMES.map((name) => [name, make(name, SERVICES[name])] as const);
  return Object.fromEntries(entries) as Record<ServiceName, T>;
}
