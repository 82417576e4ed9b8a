/** What a stage needs of its cluster, and the commands that install it. */
import { OLDEST_KUBERNETES } from "../../../components/kubernetes/podSecurity.ts";
import type { Stage as Configuration } from "../../../config/schema.ts";
import { manifestVersion } from "../../../config/pins.ts";
import { SERVICE_NAMES } from "../../../config/services.ts";
import type { Cluster } from "./clusterApi.ts";
import { classFindings } from "./classes.ts";
import {
  barmanCloud,
  cloudNativePg,
  cloudNativePgOperator,
  storageClass,
} from "./databaseNeeds.ts";
import { kubectl, unlessFound, type Check, type Finding } from "./findings.ts";
import { addon, apply, helm } from "./installs.ts";
import { monitoringOperator } from "./monitoringNeeds.ts";
import { networkPolicyWarning } from "./networkPolicies.ts";
import { architecture } from "./nodeNeeds.ts";
import { registryAddon } from "./registryNeeds.ts";
import { retiredController, routeClass } from "./routeNeeds.ts";
import { lastingLogin, pullSecret, tlsSecret } from "./secretNeeds.ts";

export type { Finding };

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

/** cert-manager that proves hosts through a Gateway. That is off by default, and the pinned manifest does not switch it on. */
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

/** Let's Encrypt can't reach a cluster on this machine, and each failed attempt counts towards its rate limits. */
const letsEncrypt: Check = ({ tls }, cluster) =>
  cluster.kind === "local" && tls.issuer.startsWith("letsencrypt")
    ? [
        {
          missing: `another issuer than ${tls.issuer}: Let's Encrypt can't reach this local cluster`,
          fix: "set todo-app:tls.issuer, for this cluster only, in local/overrides.<stage>.yaml, and deploy with make up",
        },
      ]
    : [];

const metricsApi: Check = async (stage, cluster) => {
  if (!SERVICE_NAMES.some((name) => stage[name].autoscaling)) return [];
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

const priorityClass: Check = async ({ priorityClassName: name }, cluster) =>
  name
    ? classFindings(cluster, "/apis/scheduling.k8s.io/v1/priorityclasses", name, {
        missing: `PriorityClass "${name}", which todo-app:priorityClassName names`,
        fix: kubectl(cluster, `create priorityclass ${name} --value 1000`),
      })
    : [];

const networkPolicies: Check = async (_, cluster) => {
  const warning = await networkPolicyWarning(cluster);
  return warning ? [{ warning }] : [];
};

const CHECKS: readonly Check[] = [
  serverVersion,
  architecture,
  letsEncrypt,
  routeClass,
  retiredController,
  certManager,
  tlsSecret,
  pullSecret,
  lastingLogin,
  metricsApi,
  storageClass,
  cloudNativePg,
  cloudNativePgOperator,
  barmanCloud,
  priorityClass,
  monitoringOperator,
  registryAddon,
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
