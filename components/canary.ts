import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ContainerImage, type ContainerImageArgs, type ImageReference } from "./containerImage.ts";
import type { WeightedServices } from "./kubernetes/gateway.ts";
import { objectLabels } from "./kubernetes/labels.ts";
import { connectionsOf, type Call, type Peer, type WorkloadPeer } from "./kubernetes/network.ts";
import { WebService, peerService, peerUrl, type WebServiceArgs } from "./webService.ts";

/** The services that a canary has a second time. */
const SERVICES = ["backend", "frontend"] as const;
type ServiceName = (typeof SERVICES)[number];
type OfServices<T> = Readonly<Record<ServiceName, T>>;

/** Name of the workload that runs the new release of a service. */
const canaryOf = (service: string): string => `${service}-canary`;

const isService = (name: string): boolean => (SERVICES as readonly string[]).includes(name);

/** The same end of a connection, of the canary if it is one of its services. */
const besidePeer = <T extends Peer>(peer: T): T =>
  peer.kind === "workload" && isService(peer.workload)
    ? { ...peer, workload: canaryOf(peer.workload) }
    : peer;

/** The images of the new release. */
export const canaryImages = (
  images: OfServices<ContainerImageArgs>,
): OfServices<ContainerImage> => ({
  backend: new ContainerImage("backend-canary-image", images.backend),
  frontend: new ContainerImage("frontend-canary-image", images.frontend),
});

/**
 * Allowed connections with those of a canary, if one runs: it may call and be called as the services beside it, and its own ends
 * take the place of theirs. Between the frontends, pages of one release find their scripts on a pod of the other.
 */
export function withCanary(canary: object | undefined, calls: readonly Call[]): readonly Call[] {
  if (!canary) return calls;
  const own = calls.flatMap(({ from, to }): Call[] => {
    const peers = to.map(besidePeer);
    if (typeof from !== "string") return [{ from, to: peers.filter((peer) => !to.includes(peer)) }];
    return isService(from) ? [{ from: canaryOf(from), to: peers }] : [];
  });
  const frontend = calls
    .flatMap(({ to }) => to)
    .find((peer) => peer.kind === "workload" && peer.workload === "frontend")!;
  return [
    ...calls,
    ...own,
    { from: "frontend", to: [besidePeer(frontend)] },
    { from: canaryOf("frontend"), to: [frontend] },
  ];
}

export interface CanaryArgs {
  /** Share of the requests that the new release serves, in %. */
  readonly weight: number;
  /** Pods of each service. */
  readonly replicas: number;
  readonly images: OfServices<ImageReference>;
  /** The deployed release. The new one differs in image, name and number of pods only. */
  readonly services: OfServices<WebServiceArgs>;
  /** Allowed connections, with those of the canary. */
  readonly calls: readonly Call[];
}

/**
 * A new release beside the deployed one: a second workload of each service. A public route sends it a share of the requests.
 *
 * The new frontend calls the new backend, and its pages mark their requests, so that these reach the new backend too: a new page
 * may need what the old backend does not have. The old pages' requests go to either backend, as in a rollout.
 */
export class Canary extends pulumi.ComponentResource implements WeightedServices {
  readonly weight: number;
  readonly header = { name: "X-Release-Track", value: "canary" };

  constructor(name: string, args: CanaryArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Canary", name, {}, opts);

    this.weight = args.weight;
    const backend = this.createService("backend", args, {});
    const { port } = args.services.frontend;
    const settings = {
      BACKEND_URL: backend.url,
      PEER_URL: peerUrl("frontend", port),
      RELEASE_TRACK: this.header.value,
    };
    const frontend = this.createService("frontend", args, settings, backend);
    this.createPeer(name, args.services.frontend, frontend);

    this.registerOutputs({});
  }

  /** The Service of the new release beside one of the deployed release. */
  readonly beside = (service: WorkloadPeer): WorkloadPeer => besidePeer(service);

  private createService(
    service: ServiceName,
    { services, images, replicas, calls }: CanaryArgs,
    settings: WebServiceArgs["settings"],
    dependsOn?: pulumi.Resource,
  ): WebService {
    const name = canaryOf(service);
    const stable = services[service];
    return new WebService(
      name,
      {
        ...stable,
        ...connectionsOf(name, calls),
        image: images[service],
        replicas,
        autoscaling: undefined,
        peers: false,
        settings: { ...stable.settings, ...settings },
      },
      { parent: this, dependsOn },
    );
  }

  /**
   * Makes the headless Service of the old frontend also resolve to the new one, which old pods then ask for scripts of new pages.
   * Its selector can't be changed to match both: the old pods would need another label, and so be replaced.
   */
  private createPeer(
    name: string,
    { namespace, port }: WebServiceArgs,
    frontend: WebService,
  ): void {
    const service = peerService("frontend");
    new k8s.discovery.v1.EndpointSlice(
      `${name}-peers`,
      {
        metadata: {
          namespace,
          name: canaryOf(service),
          labels: {
            ...objectLabels(canaryOf("frontend")),
            "kubernetes.io/service-name": service,
            // Another value than that of Kubernetes' own controller, which would otherwise delete the slice.
            "endpointslice.kubernetes.io/managed-by": "todo-app",
          },
        },
        addressType: frontend.clusterIP.apply((ip) => (ip.includes(":") ? "IPv6" : "IPv4")),
        endpoints: [{ addresses: [frontend.clusterIP], conditions: { ready: true } }],
        ports: [{ name: "http", port, protocol: "TCP" }],
      },
      { parent: this },
    );
  }
}
