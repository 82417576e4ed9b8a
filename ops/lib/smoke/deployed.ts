/** What is deployed of a stage, by its state, and where it is reached. */
import { lookup } from "node:dns/promises";
import { OperatorError } from "../errors.ts";
import { clusterOf, type Cluster, type Reading } from "../preflight/clusterApi.ts";
import { settingsOf, type Stage } from "../stage.ts";
import { verifyCluster } from "../state/clusterIdentity.ts";
import { exportState, type Resource } from "../state/state.ts";
import { deleteAccounts } from "./accounts.ts";
import { endPods } from "./pods.ts";
import type { Site } from "./site.ts";

/** An object that the stack has created in the cluster. */
export interface Deployed {
  readonly kind: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** Reads the object from the cluster as it is now. */
  readonly read: () => Promise<Reading>;
}

/** A deployed stage as a smoke test sees it. */
export interface Target {
  readonly stage: string;
  readonly url: URL;
  readonly protected: boolean;
  /** The beginning of each command that shows more: kubectl with context and namespace. */
  readonly kubectl: string;
  readonly objects: readonly Deployed[];
  readonly cluster: Pick<Cluster, "read">;
  readonly namespace: string;
  /** Deletes accounts of smoke tests with all that they made. @returns how many there were */
  readonly deleteAccounts: (emails: readonly string[]) => Promise<number>;
  /** Ends the pods of a Deployment one after the other, each when the one before is replaced. @returns how many there were */
  readonly endPods: (workload: string) => Promise<number>;
}

/** The kinds of the objects that are read, and the last part of their path in the API. */
const KINDS: Readonly<Record<string, string>> = {
  Deployment: "deployments",
  StatefulSet: "statefulsets",
  Cluster: "clusters", // of CloudNativePG
  Ingress: "ingresses",
  Gateway: "gateways",
  Certificate: "certificates",
};

/** The objects of these kinds in the state. */
export function objectsIn(
  resources: readonly Resource[],
  cluster: Pick<Cluster, "read">,
): readonly Deployed[] {
  return resources.flatMap(({ type, id, inputs, delete: isLeaving }): Deployed[] => {
    const { apiVersion, kind = "", ...rest } = inputs ?? {};
    const plural = KINDS[kind];
    if (!type.startsWith("kubernetes:") || !plural || !id || isLeaving) return [];
    const [namespace, name] = id.split("/") as [string, string];
    const path = `/apis/${apiVersion}/namespaces/${namespace}/${plural}/${name}`;
    const { spec = {} } = rest as { readonly spec?: Deployed["spec"] };
    return [{ kind, name, spec, read: () => cluster.read(path) }];
  });
}

const isStack = ({ type }: Resource) => type === "pulumi:pulumi:Stack";

/**
 * Finds what is deployed of a stage.
 *
 * @throws OperatorError where the stage was not deployed, or to another cluster than the one that its context leads to
 */
export async function targetOf(stage: Stage): Promise<Target> {
  const { name } = stage;
  const [{ context, namespace, protected: isProtected }, state] = await Promise.all([
    settingsOf(stage),
    exportState(name),
  ]);
  const resources = state.deployment.resources ?? [];
  const url = resources.find(isStack)?.outputs?.url;
  if (typeof url !== "string")
    throw new OperatorError(
      `${name} has no url: no deploy of it has finished yet`,
      `make up STAGE=${name}`,
    );
  await verifyCluster(name, state, context);
  const cluster = await clusterOf(context);
  return {
    stage: name,
    url: new URL(url),
    protected: isProtected,
    kubectl: `kubectl --context ${context} --namespace ${namespace}`,
    objects: objectsIn(resources, cluster),
    cluster,
    namespace,
    deleteAccounts: (emails) => deleteAccounts({ context, namespace }, emails),
    endPods: (workload) => endPods({ context, namespace }, workload),
  };
}

const ofKind = ({ objects }: Target, ...kinds: string[]) =>
  objects.filter(({ kind }) => kinds.includes(kind));

interface RouteStatus {
  /** Of an Ingress. */
  readonly loadBalancer?: {
    readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
  };
  /** Of a Gateway. */
  readonly addresses?: readonly { readonly value: string }[];
}

/** The address that the controller reports for the route of the stage; undefined where it reports none. */
async function routeAddress(target: Target): Promise<string | undefined> {
  for (const { read } of ofKind(target, "Ingress", "Gateway")) {
    const reading = await read();
    if (reading.state !== "found") continue;
    const { status } = reading.object as { readonly status?: RouteStatus };
    const [entry] = status?.loadBalancer?.ingress ?? [];
    const address = entry?.ip ?? entry?.hostname ?? status?.addresses?.[0]?.value;
    if (address) return address;
  }
  return undefined;
}

/** An issuer whose certificates every browser trusts. */
const PUBLIC_ISSUER = "letsencrypt-production";

/**
 * The certificates to trust beside the public ones: those in the stage's Secret, with the chain up to its issuer. The root of a
 * test authority is in no list, and an ACME server hands out intermediate certificates only. None where the issuer is public.
 */
async function authoritiesOf(target: Target): Promise<readonly string[]> {
  for (const { spec } of ofKind(target, "Certificate")) {
    const { secretName, issuerRef } = spec as {
      readonly secretName: string;
      readonly issuerRef: { readonly name: string };
    };
    if (issuerRef.name === PUBLIC_ISSUER) continue;
    const path = `/api/v1/namespaces/${target.namespace}/secrets/${secretName}`;
    const reading = await target.cluster.read(path);
    if (reading.state !== "found") continue;
    const { data = {} } = reading.object as { readonly data?: Readonly<Record<string, string>> };
    return ["tls.crt", "ca.crt"].flatMap((key) => {
      const value = data[key];
      return value ? [Buffer.from(value, "base64").toString()] : [];
    });
  }
  return [];
}

/** Where requests to the stage go: to where the name service leads, and where that does not know the host, to the route. */
export async function siteOf(target: Target): Promise<Site> {
  const { url } = target;
  const address = await lookup(url.hostname).then(
    () => undefined,
    () => routeAddress(target),
  );
  const authorities = url.protocol === "https:" ? await authoritiesOf(target) : [];
  return { url, address, authorities };
}
