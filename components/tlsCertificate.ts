import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { objectLabels } from "./kubernetes/labels.ts";
import { ingressRules, type Peer } from "./kubernetes/network.ts";

const WORKLOAD = "route";
/** Name of the Certificate. */
export const CERTIFICATE = "todo-app";
/** The pods with which cert-manager answers an HTTP-01 challenge. */
export const SOLVER = {
  port: 8089,
  labels: { "acme.cert-manager.io/http01-solver": "true" },
} as const;

/** An ACME issuer, whose authority checks the host with an HTTP-01 challenge. */
interface AcmeIssuer {
  readonly issuer: "letsencrypt-staging" | "letsencrypt-production" | "acme";
  /** Directory URL of the ACME server. */
  readonly server: string;
  /** E-mail address of the ACME account. */
  readonly email: string;
  /** PEM certificate of the authority that signed the ACME server's own certificate. @default the public authorities */
  readonly caBundle?: string;
}

/** An issuer that signs with the key of an authority. A Secret of the namespace holds that key. */
interface CaIssuer {
  readonly issuer: "ca";
  readonly caSecretName: string;
}

/** A certificate that cert-manager issues, and renews when `renewBeforePercentage` % of its lifetime are left. */
export type IssuedTls = (AcmeIssuer | CaIssuer) & { readonly renewBeforePercentage: number };

/** Where the certificate comes from. `secret`: a Secret that somebody else fills and renews. */
export type Tls = IssuedTls | { readonly issuer: "secret"; readonly secretName: string };

export interface TlsCertificateArgs {
  readonly namespace: pulumi.Input<string>;
  /** Host name that the certificate is for. */
  readonly host: string;
  readonly tls: IssuedTls;
  /** Name of the Secret that cert-manager fills; Pulumi does not own it, so it survives a replaced Certificate. */
  readonly secretName: string;
  /** How HTTP-01 challenges reach cert-manager: the `http01` part of an ACME solver. */
  readonly solver: Readonly<Record<string, unknown>>;
  /** Peers that forward challenges to cert-manager's solver pods. */
  readonly callers: readonly Peer[];
  /** How long issuing may take, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/**
 * A certificate from cert-manager, which must be installed: Issuer, Certificate, and the NetworkPolicy that lets
 * challenges in. Resources that depend on this component are created after the certificate has been issued.
 */
export class TlsCertificate extends pulumi.ComponentResource {
  constructor(name: string, args: TlsCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:TlsCertificate", name, {}, opts);

    const issuer = this.createIssuer(name, args, this.createSolverPolicy(name, args));
    this.createCertificate(name, args, issuer);

    this.registerOutputs({});
  }

  private metadata(args: TlsCertificateArgs, name: string, annotations?: Record<string, string>) {
    return { namespace: args.namespace, name, labels: objectLabels(WORKLOAD), annotations };
  }

  /**
   * The Issuer is named after its kind: cert-manager issues a new certificate if the Certificate names another Issuer,
   * but not if the Issuer changes.
   */
  private createIssuer(name: string, args: TlsCertificateArgs, policy?: pulumi.Resource) {
    return new k8s.apiextensions.CustomResource(
      `${name}-issuer`,
      {
        apiVersion: "cert-manager.io/v1",
        kind: "Issuer",
        metadata: this.metadata(args, args.tls.issuer),
        spec: issuerSpec(args),
      },
      { parent: this, dependsOn: policy },
    );
  }

  private createCertificate(name: string, args: TlsCertificateArgs, issuer: pulumi.CustomResource) {
    return new k8s.apiextensions.CustomResource(
      `${name}-issued`,
      {
        apiVersion: "cert-manager.io/v1",
        kind: "Certificate",
        metadata: this.metadata(args, CERTIFICATE, {
          "pulumi.com/waitFor": "condition=Ready",
          "pulumi.com/timeoutSeconds": String(args.rolloutTimeoutSeconds),
        }),
        spec: {
          secretName: args.secretName,
          dnsNames: [args.host],
          issuerRef: { group: "cert-manager.io", kind: "Issuer", name: args.tls.issuer },
          privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
          // A share of the lifetime instead of days: public authorities are shortening the lifetime to 45 days.
          renewBeforePercentage: args.tls.renewBeforePercentage,
        },
      },
      { parent: this, dependsOn: issuer },
    );
  }

  private createSolverPolicy(name: string, args: TlsCertificateArgs) {
    if (args.tls.issuer === "ca") return undefined;
    return new k8s.networking.v1.NetworkPolicy(
      `${name}-acme-solver`,
      {
        metadata: this.metadata(args, "acme-solver"),
        spec: {
          podSelector: { matchLabels: SOLVER.labels },
          policyTypes: ["Ingress"],
          ingress: ingressRules(args.callers),
        },
      },
      { parent: this },
    );
  }
}

function issuerSpec({ tls, solver }: TlsCertificateArgs) {
  if (tls.issuer === "ca") return { ca: { secretName: tls.caSecretName } };
  return {
    acme: {
      server: tls.server,
      email: tls.email,
      ...(tls.caBundle && { caBundle: Buffer.from(tls.caBundle).toString("base64") }),
      privateKeySecretRef: { name: `${tls.issuer}-account` },
      solvers: [{ http01: solver }],
    },
  };
}
