import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { objectLabels } from "./kubernetes/labels.ts";
import { ingressController, ingressRules } from "./kubernetes/network.ts";

const WORKLOAD = "route";
/** Port and label of the pods with which cert-manager answers an HTTP-01 challenge. */
const SOLVER_PORT = 8089;
const SOLVER_LABELS = { "acme.cert-manager.io/http01-solver": "true" };

const ACME_SERVERS = {
  "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
  "letsencrypt-production": "https://acme-v02.api.letsencrypt.org/directory",
} as const;

interface Tls {
  readonly issuer: keyof typeof ACME_SERVERS;
  /** Let's Encrypt sends its warnings here. */
  readonly email: string;
}

/** The address that people type. */
export function publicUrl(host: string, tls?: Tls): string {
  return `${tls ? "https" : "http"}://${host}`;
}

export interface PublicRouteArgs {
  readonly namespace: pulumi.Input<string>;
  /** Host name under which the app is reached. */
  readonly host: string;
  /** Where requests go by path prefix; the longest prefix wins. */
  readonly paths: readonly {
    readonly path: string;
    readonly service: pulumi.Input<string>;
    readonly port: number;
  }[];
  readonly ingress: {
    /** IngressClass that serves the route. */
    readonly className: string;
    /** Namespace of the ingress controller's pods. */
    readonly namespace: string;
    /** Wait until the controller reports an address. */
    readonly waitForAddress: boolean;
  };
  /** Certificate by cert-manager, which must be installed. @default plain HTTP */
  readonly tls?: Tls;
  /** How long to wait for the ingress controller, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/** The app's address: host, paths and certificate. */
export class PublicRoute extends pulumi.ComponentResource {
  /** URL of the app, known once the ingress controller serves it. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: PublicRouteArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:PublicRoute", name, {}, opts);

    const tlsSecretName = args.tls && this.createCertificate(name, args, args.tls);
    const ingress = this.createIngress(name, args, tlsSecretName);
    this.url = ingress.id.apply(() => publicUrl(args.host, args.tls));

    this.registerOutputs({ url: this.url });
  }

  private metadata(args: PublicRouteArgs, annotations?: Record<string, string>) {
    return {
      namespace: args.namespace,
      name: "todo-app",
      labels: objectLabels(WORKLOAD),
      annotations,
    };
  }

  private createIngress(name: string, args: PublicRouteArgs, tlsSecretName?: pulumi.Input<string>) {
    const { className, waitForAddress } = args.ingress;
    return new k8s.networking.v1.Ingress(
      name,
      {
        metadata: this.metadata(
          args,
          waitForAddress
            ? { "pulumi.com/timeoutSeconds": String(args.rolloutTimeoutSeconds) }
            : { "pulumi.com/skipAwait": "true" },
        ),
        spec: {
          ingressClassName: className,
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
          ...(tlsSecretName && { tls: [{ hosts: [args.host], secretName: tlsSecretName }] }),
        },
      },
      { parent: this },
    );
  }

  /** Returns the name of the Secret that cert-manager fills. */
  private createCertificate(name: string, args: PublicRouteArgs, tls: Tls): pulumi.Input<string> {
    const solverPolicy = this.createSolverPolicy(name, args);
    const issuer = new k8s.apiextensions.CustomResource(
      `${name}-issuer`,
      {
        apiVersion: "cert-manager.io/v1",
        kind: "Issuer",
        metadata: this.metadata(args),
        spec: {
          acme: {
            server: ACME_SERVERS[tls.issuer],
            email: tls.email,
            privateKeySecretRef: { name: `${tls.issuer}-account` },
            solvers: [{ http01: { ingress: { ingressClassName: args.ingress.className } } }],
          },
        },
      },
      { parent: this, dependsOn: solverPolicy },
    );
    // The Secret is cert-manager's, not Pulumi's: it survives a replaced Certificate, and so do Let's Encrypt's limits.
    const secretName = "todo-app-tls";
    new k8s.apiextensions.CustomResource(
      `${name}-certificate`,
      {
        apiVersion: "cert-manager.io/v1",
        kind: "Certificate",
        metadata: this.metadata(args),
        spec: {
          secretName,
          dnsNames: [args.host],
          issuerRef: { name: issuer.metadata.name, kind: "Issuer" },
          privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
          // A share of the lifetime, not days: Let's Encrypt is shortening its certificates to 45 days.
          renewBeforePercentage: 33,
        },
      },
      { parent: this },
    );
    return secretName;
  }

  private createSolverPolicy(name: string, args: PublicRouteArgs) {
    return new k8s.networking.v1.NetworkPolicy(
      `${name}-acme-solver`,
      {
        metadata: { ...this.metadata(args), name: "acme-solver" },
        spec: {
          podSelector: { matchLabels: SOLVER_LABELS },
          policyTypes: ["Ingress"],
          ingress: ingressRules([ingressController(args.ingress.namespace, SOLVER_PORT)]),
        },
      },
      { parent: this },
    );
  }
}
