import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { gatewaySpec, httpRouteSpec, redirectSpec, type RoutePath } from "./kubernetes/gateway.ts";
import { objectLabels } from "./kubernetes/labels.ts";
import { TlsCertificate, type Tls } from "./tlsCertificate.ts";

const WORKLOAD = "route";
const ROUTE = "todo-app";
/** The Secret that cert-manager fills. */
const TLS_SECRET = "todo-app-tls";

/** The address that people type. */
export function publicUrl(host: string, tls?: Tls): string {
  return `${tls ? "https" : "http"}://${host}`;
}

export interface PublicRouteArgs {
  readonly namespace: pulumi.Input<string>;
  /** Host name under which the app is reached. */
  readonly host: string;
  /** Where requests go by path prefix; the longest prefix wins. */
  readonly paths: readonly RoutePath[];
  readonly route: {
    /** API that describes the route: networking.k8s.io Ingress, or gateway.networking.k8s.io Gateway and HTTPRoute. */
    readonly kind: "ingress" | "gateway";
    /** IngressClass or GatewayClass that serves the route. */
    readonly className: string;
    /** Namespace of the controller's pods. */
    readonly namespace: string;
    /** Wait until the controller reports an address. */
    readonly waitForAddress: boolean;
  };
  /** @default plain HTTP */
  readonly tls?: Tls;
  /** How long to wait for controller and certificate, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/** The app's address: host, paths and certificate, by Ingress or by Gateway API. */
export class PublicRoute extends pulumi.ComponentResource {
  /** URL of the app, known once it is served, with its certificate unless somebody else provides that. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: PublicRouteArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:PublicRoute", name, {}, opts);

    const served =
      args.route.kind === "gateway"
        ? this.createGateway(name, args)
        : [this.createIngress(name, args)];
    const certificate = this.createCertificate(name, args, served);
    this.url = pulumi
      .all([...served.map(({ id }) => id), certificate?.ready])
      .apply(() => publicUrl(args.host, args.tls));

    this.registerOutputs({ url: this.url });
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
  private createIngress(name: string, args: PublicRouteArgs): pulumi.CustomResource {
    const secretName = tlsSecretName(args.tls);
    return new k8s.networking.v1.Ingress(
      name,
      {
        metadata: this.metadata(args, ROUTE),
        spec: {
          ingressClassName: args.route.className,
          rules: [
            {
              host: args.host,
              http: {
                paths: args.paths.map(({ path, service, port }) => ({
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
      { parent: this },
    );
  }

  private createGateway(name: string, args: PublicRouteArgs): pulumi.CustomResource[] {
    const secretName = tlsSecretName(args.tls);
    const create = (part: string, kind: string, metadata: object, spec: object) =>
      new k8s.apiextensions.CustomResource(
        part,
        { apiVersion: "gateway.networking.k8s.io/v1", kind, metadata, spec },
        { parent: this },
      );
    // A listener without its certificate is not ready, and the certificate is proven through this very Gateway.
    const waitFor = secretName ? undefined : "condition=Programmed";
    const gateway = create(
      `${name}-gateway`,
      "Gateway",
      this.metadata(args, ROUTE, waitFor),
      gatewaySpec(args.route.className, args.host, secretName),
    );
    const routes = [
      create(
        name,
        "HTTPRoute",
        this.metadata(args, ROUTE),
        httpRouteSpec(ROUTE, args.host, args.paths, secretName ? "https" : "http"),
      ),
    ];
    if (secretName)
      routes.push(
        create(
          `${name}-redirect`,
          "HTTPRoute",
          this.metadata(args, `${ROUTE}-redirect`),
          redirectSpec(ROUTE, args.host),
        ),
      );
    return [gateway, ...routes];
  }

  private createCertificate(name: string, args: PublicRouteArgs, dependsOn: pulumi.Resource[]) {
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
        controllerNamespace: route.namespace,
        rolloutTimeoutSeconds,
      },
      { parent: this, dependsOn },
    );
  }
}

function tlsSecretName(tls?: Tls): string | undefined {
  return tls?.issuer === "secret" ? tls.secretName : tls && TLS_SECRET;
}
