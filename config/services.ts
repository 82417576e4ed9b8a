/**
 * The app's services: the one place that names them. Each has a key of its name in the stage files, an image that is built
 * in `app/<name>`, and room in the quota and in the database. What its pods need is said where `index.ts` creates it.
 */
import type { ContainerResources } from "../components/kubernetes/resources.ts";
import type { PinnedImage } from "./pins.ts";

/** What is the same in every stage, and the sizes of a stage that sets none. */
export interface Service {
  /** The image that its Dockerfile builds on. */
  readonly base: PinnedImage;
  /** Connections to the database that one pod holds at most: the size of its pool. */
  readonly connections: number;
  /** CPU and memory of one pod where the stage file says nothing else. */
  readonly resources: ContainerResources;
}

export const SERVICES = {
  backend: {
    base: "python",
    connections: 6,
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
  },
  // Its memory is that of password hashes: four at a time, 33 MB each.
  frontend: {
    base: "node",
    connections: 2,
    resources: { requests: { cpu: "100m", memory: "192Mi" }, limits: { memory: "512Mi" } },
  },
} satisfies Readonly<Record<string, Service>>;

export type ServiceName = keyof typeof SERVICES;

export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

/** One value for each service, by its name. */
export function forEachService<T>(make: (name: ServiceName, service: Service) => T) {
  const entries = SERVICE_NAMES.map((name) => [name, make(name, SERVICES[name])] as const);
  return Object.fromEntries(entries) as Record<ServiceName, T>;
}
