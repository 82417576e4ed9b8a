/** What a stage needs of its cluster, and the commands that install it. */
import { OLDEST_KUBERNETES } from "../components/kubernetes/podSecurity.ts";
import type { Stage as Configuration } from "../configSchema.ts";
import { manifestVersion, type PinnedManifest } from "../pins.ts";
import { itemsOf, type Cluster, type Reading } from "./clusterApi.ts";
import { kubectl, unlessFound, type Check, type Finding } from "./findings.ts";
import { networkPolicyWarning } from "./networkPolicies.ts";
import { pullSecret, tlsSecret } from "./secretNeeds.ts";

export type { Finding };

/** Checked against its hash on the way. CRDs are too large for what a client-side apply notes beside them. */
const apply = (cluster: Cluster, manifest: PinnedManifest) =>
  `make --silent manifest NAME=${manifest} | ${kubectl(cluster, "apply --server-side -f -")}`;
/** A release of a Helm chart, with `key=value` settings. */
const helm = ({ context }: Cluster, release: string, namespace: string, settings: string[]) =>
  [
    `helm --kube-context ${context} upgrade --install ${release} --namespace ${namespace} --create-namespace`,
    ...settings,
  ].join(" --set ");
/** Where the NetworkPolicies expect it: in the namespace that todo-app:route.namespace names. */
const traefik = (cluster: Cluster, { namespace }: Configuration["route"], settings: string[]) =>
  helm(
    cluster,
    "traefik traefik --repo https://traefik.github.io/charts --version 39.0.9",
    namespace,
    settings,
  );

/** The command that installs an add-on which the local cluster and, where it has one of that name, Minikube bring along. */
function addon(cluster: Cluster, minikube: string | undefined, elsewhere: string): string {
  const state = process.env.XDG_STATE_HOME ?? "~/.local/state";
  if (cluster.kind === "local")
    return `rm ${state}/todo-app/cluster/applied && make cluster, which applies the local cluster's add-ons again`;
  return cluster.kind === "minikube" && minikube ? `minikube addons enable ${minikube}` : elsewhere;
}

interface Named {
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

const named = (reading: Reading) => itemsOf(reading) as readonly Named[];
const namesIn = (reading: Reading) => named(reading).map(({ metadata }) => metadata.name);

/** Whether a class exists; the message names those that do. */
async function classFindings(
  cluster: Cluster,
  list: string,
  name: string,
  { missing, fix }: { readonly missing: string; readonly fix: string },
): Promise<Finding[]> {
  const reading = await cluster.read(list);
  const names = namesIn(reading);
  if (names.includes(name)) return [];
  const others = names.length ? `; there are: ${names.join(", ")}` : "";
  const answer = reading.state === "found" ? ({ state: "absent" } as const) : reading;
  return unlessFound(answer, `${missing}${others}`, fix);
}

const serverVersion: Check = async (_, cluster) => {
  const reading = await cluster.read("/version");
  if (reading.state !== "found") return [];
  const oldestMinor = Number(OLDEST_KUBERNETES.split(".")[1]);
  const { major, minor, gitVersion } = reading.object as Record<string, string>;
  if (Number(major) > 1 || parseInt(minor!) >= oldestMinor) return [];
  return [
    {
      missing: `Kubernetes ${OLDEST_KUBERNETES} or newer; the cluster runs ${gitVersion}`,
      fix: "upgrade the cluster",
    },
  ];
};

const controllerOf = (className: string) =>
  `install the controller that serves ${className}, or name another one: todo-app:route.className`;

const ingressClass: Check = ({ route }, cluster) => {
  const install: Readonly<Record<string, string>> = {
    nginx: addon(cluster, "ingress", apply(cluster, "ingressNginx")),
    // By whole path elements, as Kubernetes defines a Prefix.
    traefik: traefik(cluster, route, ["providers.kubernetesIngress.strictPrefixMatching=true"]),
  };
  return classFindings(cluster, "/apis/networking.k8s.io/v1/ingressclasses", route.className, {
    missing: `IngressClass "${route.className}", which todo-app:route.className names`,
    fix: install[route.className] ?? controllerOf(route.className),
  });
};

const gatewayClass: Check = async ({ route }, cluster) => {
  const group = "/apis/gateway.networking.k8s.io/v1";
  const because = "which todo-app:route.kind gateway needs";
  const installClass =
    route.className === "traefik"
      ? addon(
          cluster,
          undefined,
          // It serves a listener by the entry point that has the same port inside the pod.
          traefik(cluster, route, [
            "providers.kubernetesGateway.enabled=true",
            "ports.web.port=80",
            "ports.websecure.port=443",
          ]),
        )
      : controllerOf(route.className);
  const [api, classes] = await Promise.all([
    cluster.read(group),
    classFindings(cluster, `${group}/gatewayclasses`, route.className, {
      missing: `GatewayClass "${route.className}", which todo-app:route.className names`,
      fix: installClass,
    }),
  ]);
  const installApi = addon(cluster, undefined, apply(cluster, "gatewayApi"));
  return [
    ...unlessFound(api, `the Gateway API (${group.slice(6)}), ${because}`, installApi),
    ...classes,
  ];
};

const routeClass: Check = (config, ...others) =>
  (config.route.kind === "gateway" ? gatewayClass : ingressClass)(config, ...others);

/** Proving a host through a Gateway is off in cert-manager unless asked for, and the manifest does not ask. */
const certManagerForGateway = (cluster: Cluster) =>
  helm(
    cluster,
    `cert-manager cert-manager --repo https://charts.jetstack.io --version ${manifestVersion("certManager")}`,
    "cert-manager",
    [
      "crds.enabled=true",
      "config.apiVersion=controller.config.cert-manager.io/v1alpha1",
      "config.kind=ControllerConfiguration",
      "config.enableGatewayAPI=true",
    ],
  );

const certManager: Check = async ({ tls, route }, cluster) => {
  if (tls.issuer === "none" || tls.issuer === "secret") return [];
  const reading = await cluster.read("/apis/cert-manager.io/v1");
  const install =
    route.kind === "gateway" && tls.issuer !== "ca"
      ? certManagerForGateway(cluster)
      : apply(cluster, "certManager");
  const fix = addon(cluster, undefined, install);
  return unlessFound(reading, `cert-manager, which todo-app:tls.issuer ${tls.issuer} needs`, fix);
};

/** Its limits are for real sites, and it cannot reach a cluster on this machine. */
const letsEncrypt: Check = ({ tls }, cluster) =>
  cluster.kind === "local" && tls.issuer.startsWith("letsencrypt")
    ? [
        {
          missing: `another issuer than ${tls.issuer}: Let's Encrypt can't reach this local cluster`,
          fix: "set todo-app:tls.issuer, for this cluster only, in local/overrides.<stage>.yaml, and deploy with make up",
        },
      ]
    : [];

const metricsApi: Check = async ({ backend, frontend }, cluster) => {
  if (!backend.autoscaling && !frontend.autoscaling) return [];
  const name = "v1beta1.metrics.k8s.io";
  const reading = await cluster.read(`/apis/apiregistration.k8s.io/v1/apiservices/${name}`);
  const install = addon(cluster, "metrics-server", apply(cluster, "metricsServer"));
  const what = "the metrics API, which autoscaling needs";
  if (reading.state !== "found") return unlessFound(reading, what, install);
  const { status } = reading.object as {
    status?: { conditions?: { type: string; status: string; message?: string }[] };
  };
  const available = status?.conditions?.find(({ type }) => type === "Available");
  if (available?.status === "True") return [];
  return [
    {
      missing: `${what}: it is registered, but not available (${available?.message ?? "no reason given"})`,
      fix: kubectl(
        cluster,
        `describe apiservice ${name}, which shows the Service that must answer`,
      ),
    },
  ];
};

const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

const storageClass: Check = async ({ database }, cluster) => {
  if (database.mode === "external") return [];
  const name = database.storageClassName;
  const list = "/apis/storage.k8s.io/v1/storageclasses";
  const install = addon(cluster, "storage-provisioner", apply(cluster, "localPath"));
  if (name)
    return classFindings(cluster, list, name, {
      missing: `StorageClass "${name}", which todo-app:database.storageClassName names`,
      fix: "name another one, or remove the key to use the cluster's default",
    });
  const reading = await cluster.read(list);
  const missing = "a default StorageClass, which the database's volume needs";
  if (reading.state !== "found") return unlessFound(reading, missing, install);
  const isDefault = ({ metadata }: Named) => metadata.annotations?.[DEFAULT_CLASS] === "true";
  if (named(reading).some(isDefault)) return [];
  const [first] = namesIn(reading);
  const choose = `annotate storageclass ${first} ${DEFAULT_CLASS}=true`;
  return [{ missing, fix: first ? kubectl(cluster, choose) : install }];
};

const cloudNativePg: Check = async ({ database }, cluster) => {
  if (database.mode !== "cloudnative-pg") return [];
  const reading = await cluster.read("/apis/postgresql.cnpg.io/v1");
  const missing = "CloudNativePG, which todo-app:database.mode cloudnative-pg needs";
  return unlessFound(reading, missing, apply(cluster, "cloudNativePg"));
};

const priorityClass: Check = async ({ priorityClassName: name }, cluster) =>
  name
    ? classFindings(cluster, "/apis/scheduling.k8s.io/v1/priorityclasses", name, {
        missing: `PriorityClass "${name}", which todo-app:priorityClassName names`,
        fix: kubectl(cluster, `create priorityclass ${name} --value 1000`),
      })
    : [];

/** Images of another architecture than the nodes' end with "exec format error". */
const architecture: Check = async ({ images }, cluster) => {
  const reading = await cluster.read("/api/v1/nodes");
  const nodes = itemsOf(reading) as readonly { status: { nodeInfo: { architecture: string } } }[];
  const found = [...new Set(nodes.map(({ status }) => status.nodeInfo.architecture))];
  if (!found.length || found.some((name) => images.platform === `linux/${name}`)) return [];
  return [
    {
      missing: `a node of todo-app:images.platform, ${images.platform}; there are only ${found.join(", ")}`,
      fix: `pulumi config set --path todo-app:images.platform linux/${found[0]}`,
    },
  ];
};

const networkPolicies: Check = async (_, cluster) => {
  const warning = await networkPolicyWarning(cluster);
  return warning ? [{ warning }] : [];
};

const CHECKS: readonly Check[] = [
  serverVersion,
  architecture,
  letsEncrypt,
  routeClass,
  certManager,
  tlsSecret,
  pullSecret,
  metricsApi,
  storageClass,
  cloudNativePg,
  priorityClass,
  networkPolicies,
];

/** Checks everything at once, changing nothing. */
export async function clusterFindings(
  config: Configuration,
  cluster: Cluster,
  namespace: string,
): Promise<readonly Finding[]> {
  return (
    await Promise.all(CHECKS.map(async (check) => await check(config, cluster, namespace)))
  ).flat();
}
