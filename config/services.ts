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
  /** How it runs in development. @default as in every other stage, and a change of its sources needs a deploy */
  readonly development?: Development;
}

/** A program that serves sources which change while it runs: the stage `development` of the Dockerfile. */
export interface Development {
  /** How the container starts it. With one more argument, `receive`, it takes sources from its standard input. */
  readonly command: readonly string[];
  /** Least memory of the pod. @default that of the stage file */
  readonly memory?: { readonly request: string; readonly limit: string };
  /** The files, of those that the build is sent, that are part of the image or need a deploy, as a pattern of their paths. */
  readonly fixed: RegExp;
}

export const SERVICES = {
  backend: {
    base: "python",
    connections: 6,
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    // A deploy runs the migrations.
    development: {
      command: ["python", "source/development.py"],
      fixed: /^(?!app\/)|^app\/migrations\//,
    },
  },
  // The frontend needs its memory to hash passwords: four at a time, 33 MB each.
  frontend: {
    base: "node",
    connections: 2,
    resources: { requests: { cpu: "100m", memory: "192Mi" }, limits: { memory: "512Mi" } },
    // `next dev` compiles the pages in the pod: 450 MB for those of the todo app.
    development: {
      command: ["node", "source/development.ts"],
      memory: { request: "768Mi", limit: "2Gi" },
      fixed: /^(package(-lock)?\.json|\.npmrc|development\.ts)$/,
    },
  },
} satisfies Readonly<Record<string, Service>>;

export type ServiceName = keyof typeof SERVICES;

export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

export const serviceOf = (name: ServiceName): Service => SERVICES[name];

/** Makes one value for each service, by the service's name. */
export function forEachService<T>(make: (name: ServiceName, service: Service) => T) {
  const entries = SERVICE_NAMES.map((name) => [name, make(name, SERVICES[name])] as const);
  return Object.fromEntries(entries) as Record<ServiceName, T>;
}
