import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { gatewaySpec, httpRouteSpec, redirectSpec, type RoutePaths } from "./kubernetes/gateway.ts";
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
/** The Secret that cert-manager fills. */
const TLS_SECRET = "todo-app-tls";
/** Labels of the pods that serve this Gateway beside it: https://gateway-api.sigs.k8s.io/geps/gep-1762/ */
const PROXY_LABELS = { "gateway.networking.k8s.io/gateway-name": ROUTE };

/** How requests get in, and through whom. */
export interface RouteSettings {
  /** API that describes the route: networking.k8s.io Ingress, or gateway.networking.k8s.io Gateway and HTTPRoute. */
  readonly kind: "ingress" | "gateway";
  /** IngressClass or GatewayClass that serves the route. */
  readonly className: string;
  /** Namespace of the controller. */
  readonly namespace: string;
  /** Where the pods run that pass requests on: in the controller's namespace, or beside the Gateway, in the app's. */
  readonly proxies: "controller-namespace" | "app-namespace";
  /** Addresses (CIDR) that requests also come from: of nodes, where the controller uses their network, or of load balancers. */
  readonly sourceRanges: readonly string[];
  /** Wait until the controller reports an address. */
  readonly waitForAddress: boolean;
}

/** Whoever passes requests from outside on to a port of the app. */
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
  /** The address that people type. */
  readonly publicUrl: string;
  /** Where requests go by path prefix; the longest prefix wins. */
  readonly paths: RoutePaths;
  readonly route: RouteSettings;
  /** @default plain HTTP */
  readonly tls?: Tls;
  /** How long to wait for controller and certificate, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/**
 * The app's address: host, paths and certificate, by Ingress or by Gateway API.
 *
 * The certificate comes first: HTTPS is served, and HTTP led there, only once it is issued. Where issuing fails, the route
 * stays as it was.
 */
export class PublicRoute extends pulumi.ComponentResource {
  /** URL of the app, known once the controller serves it, with its certificate unless somebody else provides that. */
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
    // The host is proven through this very Gateway.
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

  /** Plain HTTP is served too, unless the controller redirects it (ingress-nginx does); then the app itself redirects. */
  private createIngress(name: string, args: PublicRouteArgs, certificate?: pulumi.Resource) {
    const secretName = tlsSecretName(args.tls);
    // Not for the pods behind it, as the plugin would by itself: with TLS they come later.
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
    // A listener without its certificate is not ready, and the certificate is proven through this very Gateway.
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
    // The redirect first: when the other one moves over to HTTPS, HTTP is never without a route.
    const spec = httpRouteSpec(ROUTE, args.host, args.paths, isTls ? "https" : "http");
    return [...redirects, create(name, ROUTE, spec, [dependsOn, ...redirects])];
  }

  /** Default deny would cut the proxies off that run beside the Gateway. */
  private createProxyPolicy(name: string, args: PublicRouteArgs) {
    const { proxies, namespace } = args.route;
    if (proxies !== "app-namespace") return;
    const services = Object.values(args.paths).map((peer) => [peer.workload, peer.port] as const);
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
