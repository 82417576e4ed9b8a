import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  gatewaySpec,
  httpRouteSpec,
  redirectSpec,
  type RoutePaths,
  type WeightedServices,
} from "./kubernetes/gateway.ts";
import { objectLabels } from "./kubernetes/labels.ts";
import {
  addresses,
  inNamespace,
  labelled,
  proxyPolicySpec,
  workload,
  type Peer,
} from "./kubernetes/network.ts";
import { SOLVER, TlsCertificate, type Tls } from "./tlsCertificate.ts";

const WORKLOAD = "route";
const ROUTE = "todo-app";
/** Name of the Secret that cert-manager fills. */
const TLS_SECRET = "todo-app-tls";
/**
 * Labels of the proxy pods that a controller runs for this Gateway in the Gateway's namespace:
 * https://gateway-api.sigs.k8s.io/geps/gep-1762/
 */
const PROXY_LABELS = { "gateway.networking.k8s.io/gateway-name": ROUTE };

/** How requests reach the app, and through which controller. */
export interface RouteSettings {
  /** API of the route: `networking.k8s.io` Ingress, or `gateway.networking.k8s.io` Gateway and HTTPRoute. */
  readonly kind: "ingress" | "gateway";
  /** IngressClass or GatewayClass that serves the route. */
  readonly className: string;
  /** Namespace of the controller. */
  readonly namespace: string;
  /**
   * Where the proxy pods run that forward requests to the app: in the controller's namespace, or in the app's
   * namespace, beside the Gateway.
   */
  readonly proxies: "controller-namespace" | "app-namespace";
  /**
   * Address ranges (CIDR) from which requests come as well: of nodes, if the controller uses the host network, or of
   * load balancers.
   */
  readonly sourceRanges: readonly string[];
  /** Whether the deploy waits until the controller reports an address. */
  readonly waitForAddress: boolean;
}

/**
 * Returns, for a port of the app, the peers that forward requests from outside to it: the proxy pods and
 * `sourceRanges`.
 */
export function fromProxies({
  namespace,
  proxies,
  sourceRanges,
}: Pick<RouteSettings, "namespace" | "proxies" | "sourceRanges">) {
  return (port: number): Peer[] => {
    const pods =
      proxies === "app-namespace" ? labelled(PROXY_LABELS, port) : inNamespace(namespace, port);
    return [pods, ...sourceRanges.map((range) => addresses(range, port))];
  };
}

export interface PublicRouteArgs {
  readonly namespace: pulumi.Input<string>;
  /** Host name under which the app is reached. */
  readonly host: string;
  /** URL under which browsers reach the app. */
  readonly publicUrl: string;
  /** The Service of each path prefix; the longest matching prefix wins. */
  readonly paths: RoutePaths;
  /** The canary, which must be ready before requests go there. Needs the kind `gateway`. @default none */
  readonly canary?: WeightedServices & pulumi.Resource;
  readonly route: RouteSettings;
  /** @default plain HTTP */
  readonly tls?: Tls;
  /** How long to wait for the controller and for the certificate, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/**
 * The public route to the app: host, paths and certificate, as an Ingress or with the Gateway API.
 *
 * The certificate is issued first. Only then is HTTPS served and HTTP redirected to it. If the certificate cannot be
 * issued, the route stays as it was.
 */
export class PublicRoute extends pulumi.ComponentResource {
  /**
   * URL of the app. It resolves once the controller serves the route with its certificate; a certificate that somebody
   * else provides is not waited for.
   */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: PublicRouteArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:PublicRoute", name, {}, opts);

    const served =
      args.route.kind === "gateway"
        ? this.serveByGateway(name, args)
        : this.serveByIngress(name, args);
    this.url = pulumi.all(served.map(({ id }) => id)).apply(() => args.publicUrl);

    this.registerOutputs({ url: this.url });
  }

  private serveByIngress(name: string, args: PublicRouteArgs): pulumi.CustomResource[] {
    const certificate = this.createCertificate(name, args);
    return [this.createIngress(name, args, certificate)];
  }

  private serveByGateway(name: string, args: PublicRouteArgs): pulumi.CustomResource[] {
    this.createProxyPolicy(name, args);
    const gateway = this.createGateway(name, args);
    // The certificate depends on the Gateway, through which the authority's HTTP-01 challenge for the host arrives.
    const certificate = this.createCertificate(name, args, gateway);
    return [gateway, ...this.createHttpRoutes(name, args, certificate ?? gateway)];
  }

  private metadata(args: PublicRouteArgs, name: string, waitFor?: string) {
    const annotations: Record<string, string> = args.route.waitForAddress
      ? {
          "pulumi.com/timeoutSeconds": String(args.rolloutTimeoutSeconds),
          ...(waitFor && { "pulumi.com/waitFor": waitFor }),
        }
      : { "pulumi.com/skipAwait": "true" };
    return { namespace: args.namespace, name, labels: objectLabels(WORKLOAD), annotations };
  }

  /**
   * An Ingress with TLS serves plain HTTP as well, unless its controller redirects HTTP to HTTPS, as ingress-nginx
   * does. With other controllers, the app itself redirects.
   */
  private createIngress(name: string, args: PublicRouteArgs, certificate?: pulumi.Resource) {
    const secretName = tlsSecretName(args.tls);
    // Wait for the address only. By default, the provider plugin also waits for the pods behind the Ingress, but with
    // TLS those are deployed after it.
    const waitFor = "jsonpath={.status.loadBalancer.ingress[0]}";
    return new k8s.networking.v1.Ingress(
      name,
      {
        metadata: this.metadata(args, ROUTE, waitFor),
        spec: {
          ingressClassName: args.route.className,
          rules: [
            {
              host: args.host,
              http: {
                paths: Object.entries(args.paths).map(([path, { workload: service, port }]) => ({
                  path,
                  pathType: "Prefix",
                  backend: { service: { name: service, port: { number: port } } },
                })),
              },
            },
          ],
          ...(secretName && { tls: [{ hosts: [args.host], secretName }] }),
        },
      },
      { parent: this, dependsOn: certificate },
    );
  }

  private createObject(
    name: string,
    kind: "Gateway" | "HTTPRoute",
    metadata: object,
    spec: object,
    dependsOn?: pulumi.Resource | pulumi.Resource[],
  ) {
    return new k8s.apiextensions.CustomResource(
      name,
      { apiVersion: "gateway.networking.k8s.io/v1", kind, metadata, spec },
      { parent: this, dependsOn },
    );
  }

  private createGateway(name: string, args: PublicRouteArgs) {
    const secretName = tlsSecretName(args.tls);
    // With TLS, do not wait: the HTTPS listener is not ready without its certificate, and the challenge for that
    // certificate arrives through this Gateway.
    const waitFor = secretName ? undefined : "condition=Programmed";
    return this.createObject(
      `${name}-gateway`,
      "Gateway",
      this.metadata(args, ROUTE, waitFor),
      gatewaySpec(args.route.className, args.host, secretName),
    );
  }

  private createHttpRoutes(name: string, args: PublicRouteArgs, dependsOn: pulumi.Resource) {
    const isTls = args.tls !== undefined;
    const create = (part: string, objectName: string, spec: object, after: pulumi.Resource[]) =>
      this.createObject(part, "HTTPRoute", this.metadata(args, objectName), spec, after);
    const redirects = isTls
      ? [
          create(`${name}-redirect`, `${ROUTE}-redirect`, redirectSpec(ROUTE, args.host), [
            dependsOn,
          ]),
        ]
      : [];
    // The redirect is created first: when the other HTTPRoute moves to the HTTPS listener, HTTP still has a route.
    const { host, paths, canary } = args;
    const weighted = canary?.weight ? canary : undefined;
    const spec = httpRouteSpec(ROUTE, host, paths, isTls ? "https" : "http", weighted);
    const after = [dependsOn, ...redirects, ...(weighted ? [weighted] : [])];
    return [...redirects, create(name, ROUTE, spec, after)];
  }

  /** Lets the proxies work that run beside the Gateway: the namespace's default-deny policy would block them. */
  private createProxyPolicy(name: string, args: PublicRouteArgs) {
    const { proxies, namespace } = args.route;
    if (proxies !== "app-namespace") return;
    const { canary } = args;
    const peers = Object.values(args.paths).flatMap((peer) =>
      canary ? [peer, canary.beside(peer)] : [peer],
    );
    const services = peers.map((peer) => [peer.workload, peer.port] as const);
    const callees = [...new Map(services)].map(([service, port]) => workload(service, port));
    const solver = labelled(SOLVER.labels, SOLVER.port);
    new k8s.networking.v1.NetworkPolicy(
      `${name}-proxies`,
      {
        metadata: {
          namespace: args.namespace,
          name: "gateway-proxies",
          labels: objectLabels(WORKLOAD),
        },
        spec: proxyPolicySpec(PROXY_LABELS, [...callees, solver], namespace),
      },
      { parent: this },
    );
  }

  private createCertificate(name: string, args: PublicRouteArgs, dependsOn?: pulumi.Resource) {
    const { tls, route, namespace, host, rolloutTimeoutSeconds } = args;
    if (!tls || tls.issuer === "secret") return undefined;
    const solver =
      route.kind === "gateway"
        ? {
            gatewayHTTPRoute: {
              parentRefs: [{ kind: "Gateway", name: ROUTE, sectionName: "http" }],
            },
          }
        : { ingress: { ingressClassName: route.className } };
    return new TlsCertificate(
      `${name}-certificate`,
      {
        namespace,
        host,
        tls,
        solver,
        secretName: TLS_SECRET,
        callers: fromProxies(route)(SOLVER.port),
        rolloutTimeoutSeconds,
      },
      { parent: this, dependsOn },
    );
  }
}

function tlsSecretName(tls?: Tls): string | undefined {
  return tls?.issuer === "secret" ? tls.secretName : tls && TLS_SECRET;
}
