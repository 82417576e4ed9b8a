import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ContainerImage, type ContainerImageArgs, type ImageReference } from "./containerImage.ts";
import type { WeightedServices } from "./kubernetes/gateway.ts";
import { objectLabels } from "./kubernetes/labels.ts";
import { canaryOf } from "./kubernetes/names.ts";
import {
  connectionsOf,
  serviceUrl,
  workload,
  type Call,
  type Peer,
  type WorkloadPeer,
} from "./kubernetes/network.ts";
import { WebService, peerService, peerUrl, type WebServiceArgs } from "./webService.ts";

type OfServices<T> = Readonly<Record<string, T>>;

/** The same end of a connection, of the canary if it is one of its services. */
const besidePeer = <T extends Peer>(services: OfServices<unknown>, peer: T): T =>
  peer.kind === "workload" && peer.workload in services
    ? { ...peer, workload: canaryOf(peer.workload) }
    : peer;

/** The images of the new release, by service. */
export const canaryImages = <Name extends string>(
  images: Readonly<Record<Name, ContainerImageArgs>>,
): Readonly<Record<Name, ContainerImage>> => {
  const entries = Object.entries<ContainerImageArgs>(images).map(
    ([service, args]) => [service, new ContainerImage(`${canaryOf(service)}-image`, args)] as const,
  );
  return Object.fromEntries(entries) as Record<Name, ContainerImage>;
};

/**
 * Allowed connections with those of a canary, if one runs: it may call and be called as the services beside it, and its own ends
 * take the place of theirs.
 *
 * @param canary with something of each of its services, by name
 * @param peers the service whose pods call each other: those of both releases do
 */
export function withCanary(
  canary: { readonly images: OfServices<unknown> } | undefined,
  peers: string,
  calls: readonly Call[],
): readonly Call[] {
  if (!canary) return calls;
  const { images: services } = canary;
  const own = calls.flatMap(({ from, to }): Call[] => {
    const ends = to.map((peer) => besidePeer(services, peer));
    if (typeof from !== "string") return [{ from, to: ends.filter((peer) => !to.includes(peer)) }];
    return from in services ? [{ from: canaryOf(from), to: ends }] : [];
  });
  const called = calls.flatMap(({ to }) => to);
  const peer = called.find((each) => each.kind === "workload" && each.workload === peers)!;
  return [
    ...calls,
    ...own,
    { from: peers, to: [besidePeer(services, peer)] },
    { from: canaryOf(peers), to: [peer] },
  ];
}

export interface CanaryArgs {
  /** Share of the requests that the new release serves, in %. */
  readonly weight: number;
  /** Pods of each service. */
  readonly replicas: number;
  readonly images: OfServices<ImageReference>;
  /** What the state records about the release, for the commands that end the canary: above all its migrations. */
  readonly release: object;
  /**
   * The services of the deployed release, each after those that it calls. The new one differs in image, name and number of pods
   * only.
   */
  readonly services: OfServices<WebServiceArgs>;
  /** Allowed connections, with those of the canary. */
  readonly calls: readonly Call[];
}

/**
 * A new release beside the deployed one: a second workload of each service. A public route sends it a share of the requests.
 *
 * The new services call each other. Their setting RELEASE_TRACK has the value of the header with which their pages mark requests, so
 * that these reach the new release too: a new page may need what the old API does not have. The old pages' requests go to either
 * release, as in a rollout.
 */
export class Canary extends pulumi.ComponentResource implements WeightedServices {
  readonly weight: number;
  readonly header = { name: "X-Release-Track", value: "canary" };
  private readonly services: CanaryArgs["services"];

  constructor(name: string, args: CanaryArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Canary", name, {}, opts);

    this.weight = args.weight;
    this.services = args.services;
    let before: WebService | undefined;
    for (const service of Object.keys(args.services)) {
      before = this.createService(service, args, before);
      if (args.services[service]!.peers) this.createPeer(name, service, args, before);
    }

    this.registerOutputs({ release: args.release });
  }

  /** The Service of the new release beside one of the deployed release. */
  readonly beside = (service: WorkloadPeer): WorkloadPeer => besidePeer(this.services, service);

  private createService(
    service: string,
    { services, images, replicas, calls }: CanaryArgs,
    dependsOn: pulumi.Resource | undefined,
  ): WebService {
    const name = canaryOf(service);
    const stable = services[service]!;
    return new WebService(
      name,
      {
        ...stable,
        ...connectionsOf(name, calls),
        image: images[service]!,
        replicas,
        autoscaling: undefined,
        peers: false,
        settings: this.settingsOf(service),
      },
      { parent: this, dependsOn },
    );
  }

  /** The settings of the deployed release, with the URLs of the new one. */
  private settingsOf(service: string): WebServiceArgs["settings"] {
    const { settings = {}, peers, port } = this.services[service]!;
    const urls = new Map<unknown, string>(
      Object.entries(this.services).map(([other, args]) => {
        const peer = workload(other, args.port);
        return [serviceUrl(peer), serviceUrl(this.beside(peer))] as const;
      }),
    );
    const own = Object.entries(settings).map(([key, value]) => [key, urls.get(value) ?? value]);
    return {
      ...(Object.fromEntries(own) as typeof settings),
      ...(peers && { PEER_URL: peerUrl(service, port) }),
      RELEASE_TRACK: this.header.value,
    };
  }

  /**
   * Makes the headless Service of old pods also resolve to the new ones, which they then ask for scripts of new pages.
   * Its selector can't be changed to match both: the old pods would need another label, and so be replaced.
   */
  private createPeer(
    name: string,
    stable: string,
    { services }: CanaryArgs,
    canary: WebService,
  ): void {
    const { namespace, port } = services[stable]!;
    const service = peerService(stable);
    new k8s.discovery.v1.EndpointSlice(
      `${name}-peers`,
      {
        metadata: {
          namespace,
          name: canaryOf(service),
          labels: {
            ...objectLabels(canaryOf(stable)),
            "kubernetes.io/service-name": service,
            // Another value than that of Kubernetes' own controller, which would otherwise delete the slice.
            "endpointslice.kubernetes.io/managed-by": "todo-app",
          },
        },
        addressType: canary.clusterIP.apply((ip) => (ip.includes(":") ? "IPv6" : "IPv4")),
        endpoints: [{ addresses: [canary.clusterIP], conditions: { ready: true } }],
        ports: [{ name: "http", port, protocol: "TCP" }],
      },
      { parent: this },
    );
  }
}
