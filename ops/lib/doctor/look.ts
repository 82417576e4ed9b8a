/** Takes the snapshot of a stage with a few calls at the same time. Nothing is changed. */
import type { Stage as Configuration } from "../../../config/schema.ts";
import { addressesOf } from "../addresses.ts";
import { kubectl, request, type Place } from "../kubectl.ts";
import { clusterOf } from "../preflight/clusterApi.ts";
import { clusterFindings } from "../preflight/clusterNeeds.ts";
import { unchecked } from "../preflight/preflight.ts";
import { send } from "../smoke/site.ts";
import { effectiveConfig, noContext, settingsIn, stageValues, type Stage } from "../stage.ts";
import { kubectlMeans } from "../watch/watch.ts";
import { forbidden, reasonFor, serverTime, type Ask } from "./access.ts";
import type { LiveObject } from "./objects.ts";
import { insideOf, logsOf, volumesOf, type ReadLog } from "./pods.ts";
import { ofKind, type Host, type Snapshot } from "./snapshot.ts";
import { lockOf, stackOf } from "./stack.ts";

/** How the doctor reads the cluster. Tests pass their own. */
export interface Means {
  readonly ask: Ask;
  readonly log: ReadLog;
}

/** `exec` may take longer than an answer of the API server, and must end all the same. */
const EXEC_TIMEOUT = "--request-timeout=20s";

const meansOf = (place: Place): Means => ({
  ask: (command, input) =>
    command[0] === "exec"
      ? kubectl(place, [EXEC_TIMEOUT, ...command], input)
      : request(place, command, input),
  log: kubectlMeans(place).log,
});

const NAMESPACED = [
  "pods,events,deployments.apps,replicasets.apps,statefulsets.apps,jobs.batch,cronjobs.batch",
  "horizontalpodautoscalers.autoscaling,resourcequotas,persistentvolumeclaims,services,configmaps",
  "endpointslices.discovery.k8s.io,networkpolicies.networking.k8s.io,poddisruptionbudgets.policy",
  "ingresses.networking.k8s.io",
].join(",");
const OF_CLUSTER = [
  "nodes,storageclasses.storage.k8s.io,apiservices.apiregistration.k8s.io",
  "validatingwebhookconfigurations.admissionregistration.k8s.io",
  "mutatingwebhookconfigurations.admissionregistration.k8s.io",
].join(",");
/** Kinds of add-ons, which a cluster may not have. */
const OPTIONAL = [
  "certificates.cert-manager.io,issuers.cert-manager.io,clusterissuers.cert-manager.io,orders.acme.cert-manager.io,challenges.acme.cert-manager.io",
  "gateways.gateway.networking.k8s.io,httproutes.gateway.networking.k8s.io",
  "clusters.postgresql.cnpg.io,backups.postgresql.cnpg.io,scheduledbackups.postgresql.cnpg.io",
];
/** What is read of a namespace whose services the stage uses. */
const OF_NEIGHBOUR =
  "deployments.apps,services,pods,endpointslices.discovery.k8s.io,networkpolicies.networking.k8s.io";

interface Read {
  readonly objects: readonly LiveObject[];
  /** What was refused or failed, as kubectl says it. */
  readonly refused: readonly string[];
}

/** Not a failure: the cluster does not have an add-on. */
const NO_SUCH_KIND = /doesn't have a resource type/;

/** Lists objects. Where some kinds are refused, it returns the others. */
async function list(ask: Ask, kinds: string, ...more: readonly string[]): Promise<Read> {
  const command = ["get", kinds, ...more, "--ignore-not-found", "--output=json"];
  const { code, stdout, output } = await ask(command);
  const found = (stdout.trim() ? JSON.parse(stdout) : { items: [] }) as LiveObject & {
    readonly items?: readonly LiveObject[];
  };
  const lines = code === 0 ? [] : output.split("\n");
  const refused = lines.filter(
    (line) => /^(Error|error|Unable|The connection)\b/.test(line) && !NO_SUCH_KIND.test(line),
  );
  return { objects: found.items ?? [found], refused };
}

const namespacesAround = (objects: readonly LiveObject[], config: Configuration | undefined) => {
  const webhooks = ofKind(
    objects,
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
  ).flatMap((configuration) => configuration.webhooks ?? []);
  return new Set([
    "kube-system",
    ...(config ? [config.route.namespace] : []),
    ...webhooks
      .filter(({ failurePolicy }) => failurePolicy !== "Ignore")
      .flatMap(({ clientConfig }) => clientConfig.service?.namespace ?? []),
  ]);
};

async function surroundings(
  ask: Ask,
  namespace: string,
  config: Configuration | undefined,
): Promise<Read> {
  const [cluster, leases] = await Promise.all([
    list(ask, OF_CLUSTER),
    list(ask, "leases.coordination.k8s.io", "--namespace=kube-node-lease"),
  ]);
  const names = [...namespacesAround(cluster.objects, config)];
  const [namespaces, ...neighbours] = await Promise.all([
    list(ask, "namespaces", ...new Set([namespace, ...names])),
    ...names.map((name) => list(ask, OF_NEIGHBOUR, `--namespace=${name}`)),
  ]);
  const all = [cluster, leases, namespaces, ...neighbours];
  const refused = namespaces.refused.map((text) => `the namespaces: ${text}`);
  return {
    objects: all.flatMap(({ objects }) => objects),
    refused: [...refused, ...[cluster, leases, ...neighbours].flatMap((read) => read.refused)],
  };
}

async function objectsOf({ ask }: Means, { context, namespace }: Place): Promise<Read> {
  const [own, ...optional] = await Promise.all([
    list(ask, NAMESPACED),
    ...OPTIONAL.map((kinds) => list(ask, kinds)),
  ]);
  const pods = own.refused.find((text) => /\bpods is forbidden/.test(text));
  if (pods) throw forbidden(context, namespace, own.refused);
  if (own.refused.length && !own.objects.length)
    throw await reasonFor(context, own.refused.join("\n"), ask);
  return {
    objects: [own, ...optional].flatMap(({ objects }) => objects),
    refused: [own, ...optional].flatMap(({ refused }) => refused),
  };
}

/** Whether the app answers at its name, over plain HTTP: it may also lead to HTTPS, whose certificate plays no part here. */
async function answersAt(host: string): Promise<boolean> {
  try {
    const { status, headers } = await send({ url: new URL(`http://${host}`) }, "/api/openapi.json");
    return status === 200 || !!headers.location?.startsWith(`https://${host}`);
  } catch {
    return false;
  }
}

async function hostOf(config: Configuration | undefined): Promise<Host | undefined> {
  if (!config) return undefined;
  const { host: name } = config;
  const addresses = await addressesOf(name);
  return { name, addresses, answers: addresses.length > 0 && (await answersAt(name)) };
}

/** What the cluster shows of a stage. */
export async function lookAt(
  { context, namespace }: Place,
  config: Configuration | undefined,
  now: number,
  means: Means = meansOf({ context, namespace }),
): Promise<Pick<Snapshot, "objects" | "around" | "logs" | "volumes" | "inside" | "unread">> {
  const { ask } = means;
  const [own, others] = await Promise.all([
    objectsOf(means, { context, namespace }),
    surroundings(ask, namespace, config),
  ]);
  const { objects } = own;
  const [logs, volumes, inside] = await Promise.all([
    logsOf({ objects, now }, means.log),
    volumesOf(objects, namespace, ask),
    insideOf(objects, ask),
  ]);
  const unread = [...own.refused, ...others.refused];
  return { objects, around: others.objects, logs, volumes, inside, unread };
}

/** Compares the clocks of this machine and of the API server. @throws CannotLook where it gives no answer */
async function clocksOf(place: Place): Promise<Pick<Snapshot, "here" | "now">> {
  const begin = Date.now();
  const now = await serverTime(place.context, meansOf(place).ask);
  return { now, here: (begin + Date.now()) / 2 };
}

/**
 * Takes the snapshot of a stage.
 *
 * @throws CannotLook where the API server gives no answer, or not to these credentials
 */
export async function look(stage: Stage): Promise<Snapshot> {
  const { name } = stage;
  const values = await stageValues(stage);
  const { context, namespace } = settingsIn(name, values);
  if (!context) throw noContext(name);
  const config = effectiveConfig(name, values);
  const place = { stage: name, context, namespace };
  const clocks = await clocksOf(place);
  const [cluster, stack, lock, host, needs] = await Promise.all([
    lookAt(place, config, clocks.now),
    stackOf(name, context),
    lockOf(name),
    hostOf(config),
    config ? clusterOf(context).then((api) => clusterFindings(config, api, namespace)) : [],
  ]);
  const unread = [...cluster.unread, ...stack.unread, ...(config ? [] : [unchecked(name)])];
  return { ...place, ...clocks, config, ...cluster, ...stack, lock, host, needs, unread };
}
