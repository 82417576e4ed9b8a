/** The shape of a stage file: every key with its bounds and default. Each error text says what is allowed. */
import { z } from "zod";
import { LEAST_ROLLOUT_SECONDS } from "../components/kubernetes/deadlines.ts";
import { DATABASE_URL_FORM, VERSIONED_IMAGE, databaseUrlProblem } from "./formats.ts";
import { bucketSchema } from "./bucketSchema.ts";
import { clusterSchema } from "./clusterSchema.ts";
import { imagesSchema } from "./imagesSchema.ts";
import { imageReference } from "./pins.ts";
import { forEachService } from "./services.ts";
import {
  DNS_LABEL,
  HOST_NAME,
  OBJECT_NAME,
  certificates,
  cidr,
  cpu,
  cronSchedule,
  flag,
  integer,
  labels,
  memory,
  object,
  oneOf,
  optionalText,
  optionalUrl,
  prebuilt,
  text,
  url,
} from "./values.ts";

/** Namespaces in which the controllers of well-known classes are usually installed, by class. */
export const CONTROLLER_NAMESPACES: Readonly<Record<string, string>> = {
  nginx: "ingress-nginx",
  traefik: "traefik",
};

/** Directory URLs of Let's Encrypt, by the name of the issuer. */
export const ACME_SERVERS = {
  "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
  "letsencrypt-production": "https://acme-v02.api.letsencrypt.org/directory",
} as const;
const TLS_ISSUERS = [
  "none",
  "letsencrypt-staging",
  "letsencrypt-production",
  "acme",
  "ca",
  "secret",
] as const;

/** CPU and memory of one container. The CPU limit is optional: without one, a burst of load is never throttled. */
const resourcesSchema = object({
  requests: object({ cpu, memory }),
  limits: object({ cpu: cpu.optional(), memory }),
});

const workloadSchema = (defaults: z.output<typeof resourcesSchema>) =>
  object({
    /** Number of pods; with `autoscaling`, only of the first rollout. */
    replicas: integer(1, 50).default(2),
    /**
     * Settings of the HorizontalPodAutoscaler; absent: the count stays fixed. `targetCPUUtilization` is in % of the CPU
     * request.
     */
    autoscaling: object({
      minReplicas: integer(1, 50),
      maxReplicas: integer(1, 50),
      targetCPUUtilization: integer(10, 95).default(70),
    }).optional(),
    resources: resourcesSchema.prefault(defaults),
  });

export const stageSchema = object({
  kubernetesContext: text(
    /^\S(.*\S)?$/,
    "the name of a context of the kubeconfig (kubectl config get-contexts)",
  ),
  namespace: optionalText(
    DNS_LABEL,
    "a DNS label: lower-case letters, digits and -, at most 63 characters",
  ),
  host: text(HOST_NAME, "a host name such as todo.example.com"),
  /** URL of the app in browsers, if it is not http(s)://<host>: at another port, or behind a proxy that ends TLS. */
  publicUrl: optionalUrl(
    /^https?:\/\/[^\s/?#@]+$/,
    "an http(s) URL without a path, such as https://todo.example.com:8443",
  ),
  images: imagesSchema,
  registryUsername: z.string().default(""),
  registryPassword: z.string().default(""),
  ...forEachService((_, { resources }) => workloadSchema(resources).prefault({})),
  placement: oneOf(["any", "preferred", "required"]).default("any"),
  /** PriorityClass of every pod; empty: the cluster's default. */
  priorityClassName: optionalText(
    OBJECT_NAME,
    "the name of a PriorityClass (kubectl get priorityclass)",
  ),
  database: object({
    mode: oneOf(["in-cluster", "external", "cloudnative-pg"]).default("in-cluster"),
    image: text(VERSIONED_IMAGE, "an image with a tag or digest").prefault(() =>
      imageReference("postgres"),
    ),
    storage: memory.prefault("1Gi"),
    /** Empty: the cluster's default StorageClass. */
    storageClassName: optionalText(
      OBJECT_NAME,
      "the name of a StorageClass (kubectl get storageclass)",
    ),
    resources: resourcesSchema.prefault({
      requests: { cpu: "100m", memory: "128Mi" },
      limits: { memory: "512Mi" },
    }),
    /** Connections that a server inside the cluster accepts at the same time; changing it restarts the server. */
    maxConnections: integer(20, 1000).default(100),
    /** Number of servers of a CloudNativePG cluster: one primary, the others its standbys. */
    instances: integer(1, 9).default(3),
    /** Namespace of the CloudNativePG operator's pods. */
    operatorNamespace: text(DNS_LABEL, "the namespace of the CloudNativePG operator").prefault(
      "cnpg-system",
    ),
    ...clusterSchema,
    /** Certificate of the authority that signed the external server's certificate; empty: the public authorities. */
    caCertificate: certificates(),
  }).prefault({}),
  /**
   * Backups of a database in the cluster. `in-cluster`: encrypted dumps, on a volume beside it or in a bucket.
   * `cloudnative-pg`: by the operator, in a bucket only.
   */
  backup: object({
    enabled: flag().default(false),
    /** When backups are made, in UTC. */
    schedule: cronSchedule.prefault("17 2 * * *"),
    /** Number of dumps to keep. */
    keep: integer(1, 1000).default(14),
    /** Days back to which a CloudNativePG cluster can be recovered; older backups are removed. */
    keepDays: integer(1, 1000).default(14),
    /** Size of their volume; with `s3`, of the volume that one backup has while it is made, restored or tried out. */
    storage: memory.prefault("5Gi"),
    s3: bucketSchema.optional(),
  }).prefault({}),
  backupS3AccessKeyId: z.string().default(""),
  backupS3SecretAccessKey: z.string().default(""),
  databaseUrl: z
    .string({ error: DATABASE_URL_FORM })
    .superRefine((value, context) => {
      const problem = value && databaseUrlProblem(value);
      if (problem) context.addIssue(problem);
    })
    .default(""),
  llm: object({
    provider: oneOf(["builtin", "openai"]).default("builtin"),
    baseUrl: url(/^https?:\/\/\S+$/, "an http(s) URL").default("https://api.openai.com/v1"),
    model: text(/^\S+$/, "a model name").prefault("gpt-5-mini"),
  }).prefault({}),
  openaiApiKey: z.string().default(""),
  tracing: object({
    /** Base URL of an OpenTelemetry collector (OTLP over HTTP); empty: no traces are sent. */
    endpoint: optionalUrl(
      /^https?:\/\/\S+$/,
      "an http(s) URL such as http://otel-collector.monitoring:4318",
    ),
  }).prefault({}),
  route: object({
    kind: oneOf(["ingress", "gateway"]).default("ingress"),
    className: text(
      OBJECT_NAME,
      "the name of an IngressClass or GatewayClass (kubectl get ingressclass,gatewayclass)",
    ).prefault("traefik"),
    /** Namespace of the controller's pods; empty: the usual namespace of the class. */
    namespace: optionalText(DNS_LABEL, "the namespace of the ingress controller"),
    /**
     * Where the proxy pods run that forward requests to the app: in the controller's namespace, or, as with Istio and
     * NGINX Gateway Fabric, in the app's namespace, beside the Gateway.
     */
    proxies: oneOf(["controller-namespace", "app-namespace"]).default("controller-namespace"),
    /**
     * Address ranges from which requests come as well: of nodes, if the controller uses the host network, or of load
     * balancers.
     */
    sourceRanges: z.array(cidr, { error: "a list of address ranges" }).default([]),
    /** Request header in which the proxies in front of the app state the browser's IP address. */
    clientIpHeader: text(/^[\w-]+$/, "the name of a header, like X-Forwarded-For").prefault(
      "X-Forwarded-For",
    ),
    /** Number of proxies that append to that header, the controller included; 0: the header is not trusted. */
    trustedProxies: integer(0, 9).default(1),
    /**
     * Set false if the controller never reports an address, as in some bare-metal installs: the deploy would wait until
     * it times out.
     */
    waitForAddress: flag().default(true),
  })
    .transform(({ namespace, ...route }) => ({
      ...route,
      namespace: namespace || (CONTROLLER_NAMESPACES[route.className] ?? ""),
    }))
    .prefault({}),
  monitoring: object({
    /** Whether the prometheus-operator and Grafana of the cluster are told what to watch. */
    enabled: flag().default(false),
    /** Namespace whose pods may read the metrics; empty: nobody may. */
    namespace: optionalText(DNS_LABEL, "the namespace that Prometheus runs in"),
    /** Labels by which that Prometheus finds PodMonitors and PrometheusRules. */
    labels: labels().default([]),
    /** Labels by which the sidecar of Grafana finds dashboards. */
    dashboardLabels: labels().default(["grafana_dashboard=1"]),
    /** Where people read docs/monitoring.md: alerts link to it. */
    runbooks: text(/^\S+$/, "the address of docs/monitoring.md").prefault("docs/monitoring.md"),
  }).prefault({}),
  tls: object({
    issuer: oneOf(TLS_ISSUERS).default("none"),
    /** Contact of the ACME account. */
    email: text(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, "an e-mail address").optional(),
    /** Directory URL of an ACME server other than Let's Encrypt. */
    server: optionalUrl(
      /^https:\/\/\S+$/,
      "an https URL such as https://ca.example.com/acme/acme/directory",
    ),
    /** Certificate of the authority that signed the ACME server's own certificate; empty: the public authorities. */
    caBundle: certificates(),
    /** Secret of type kubernetes.io/tls, in the stack's namespace, with the certificate and key of the authority. */
    caSecretName: optionalText(OBJECT_NAME, "the name of a Secret"),
    /** Secret of type kubernetes.io/tls, in the stack's namespace, that somebody else fills and renews. */
    secretName: optionalText(OBJECT_NAME, "the name of a Secret"),
    /** The certificate is renewed when this share of its lifetime is left, in %. */
    renewBeforePercentage: integer(10, 90).default(33),
    /**
     * How long browsers refuse plain HTTP (Strict-Transport-Security), in seconds; 0 makes them forget an earlier
     * value.
     */
    hstsMaxAgeSeconds: integer(0, 63_072_000).default(31_536_000),
  }).prefault({}),
  secretVersions: object({
    auth: integer(1, 10_000).default(1),
    /** Password of the role as which the app logs in to a database inside the cluster. */
    databasePassword: integer(1, 10_000).default(1),
    /** Password of the role that owns a database inside the cluster. A change restarts an in-cluster server. */
    databaseOwnerPassword: integer(1, 10_000).default(1),
  }).prefault({}),
  /**
   * What the namespace may use. The defaults have room for 50 old and 50 new pods of the default sizes during a
   * rollout. `memory` bounds the sum of the requests and, separately, the sum of the limits.
   */
  quota: object({
    pods: integer(1, 10_000).default(250),
    cpu: cpu.prefault("64"),
    memory: memory.prefault("128Gi"),
  }).prefault({}),
  /** A new release that serves a share of the requests beside the deployed one. `make canary` alone starts it. */
  canary: object({
    /** How long `make canary` watches the new release; 0: not at all. */
    minutes: integer(0, 120).default(5),
    /** The canary is aborted when a larger share of its requests fails (status 5xx), in %. */
    maxErrorPercent: integer(0, 100).default(5),
    /** The canary is aborted when its slowest 5 % of the requests take longer, in seconds. */
    maxLatencySeconds: integer(1, 60).default(1),
    /** Pods of each service that run the new release. */
    replicas: integer(1, 10).default(1),
    /** The canary that runs. The commands write it into a temporary stage file; no stage file has it. */
    release: object({
      /** Share of the requests, in %; 0 before the canary is removed. */
      weight: integer(0, 99),
      /** The images of the deployed release. `images` are those of the new one. */
      stable: object(forEachService(() => prebuilt)),
      /** The migrations that the new release has; absent where that is not known. */
      migrations: z.array(z.string({ error: "names of migrations" })).optional(),
      /** Those of them on whose schema every older release runs. */
      backwardCompatible: z.array(z.string({ error: "names of migrations" })).optional(),
    }).optional(),
  }).prefault({}),
  /** Whether the services run from sources that change while they run. `make dev` sets it; no stage file has it. */
  development: flag().default(false),
  protectResources: flag().default(false),
  /** Whether plain Pulumi makes preflight, too. The commands of make do so by themselves. */
  preflight: flag().default(false),
  /** Read by `make up` alone: the stack itself does not depend on it. */
  automaticRollback: flag().default(false),
  rolloutTimeoutSeconds: integer(LEAST_ROLLOUT_SECONDS, 3600).default(300),
});

/** Keys whose values must never be printed. */
export const SECRET_KEYS = [
  "registryPassword",
  "backupS3AccessKeyId",
  "backupS3SecretAccessKey",
  "databaseUrl",
  "openaiApiKey",
] as const;

export type Stage = z.output<typeof stageSchema>;
