/** A cluster with every stage in it, and with everybody whom a NetworkPolicy could forget. */
import { find, record, type Recorded } from "../unit/support/record.ts";
import { withKeys } from "../unit/support/stages.ts";
import type { Cluster, Endpoint } from "./evaluate.ts";

/** Ports that callers use where no workload says so: of the outside, of name services, of ACME solvers. */
const PORTS = [53, 80, 443, 4318, 5432, 5433, 6432, 8080, 8089, 8443];

let imports = 0;

/** What a stage registers, with some keys of its configuration replaced. */
export async function registrations(
  stage: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<readonly Recorded[]> {
  const program = () => import(`../../index.ts?network-${imports++}`);
  const { resources } = await record(program, stage, withKeys(stage, changes));
  return resources;
}

const podTemplate = ({ spec }: any) => spec.template ?? spec.jobTemplate.spec.template;

/** One endpoint for the pods of each workload, named `<stage>/<workload>`. */
function workloads(stage: string, resources: readonly Recorded[]): Endpoint[] {
  return ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"]
    .flatMap((kind) => find(resources, kind))
    .map(({ inputs }) => {
      const { metadata, spec } = podTemplate(inputs);
      return {
        name: `${stage}/${metadata.labels["app.kubernetes.io/name"]}`,
        ip: "10.244.1.10",
        pod: {
          namespace: inputs.metadata.namespace,
          labels: metadata.labels,
          ports: spec.containers.flatMap((container: any) => container.ports ?? []),
        },
      };
    });
}

/** Pods of a stage's namespace that others start: cert-manager, a Gateway's controller, an operator with `kubectl debug`. */
function foreignPods(stage: string, namespace: string): Endpoint[] {
  const solver = {
    "acme.cert-manager.io/http01-solver": "true",
    "acme.cert-manager.io/http-domain": "1234567890",
    "acme.cert-manager.io/http-token": "1234567890",
  };
  const proxy = { "gateway.networking.k8s.io/gateway-name": "todo-app" };
  return [
    { name: `${stage}/acme-solver`, ip: "10.244.1.20", pod: { namespace, labels: solver } },
    { name: `${stage}/gateway-proxy`, ip: "10.244.1.22", pod: { namespace, labels: proxy } },
    { name: `${stage}/stray`, ip: "10.244.1.21", pod: { namespace, labels: { run: "debug" } } },
  ];
}

const pod = (name: string, namespace: string, labels: Record<string, string>): Endpoint => ({
  name,
  ip: "10.244.2.10",
  pod: { namespace, labels },
});

const STRANGERS: readonly Endpoint[] = [
  pod("nginx", "ingress-nginx", { "app.kubernetes.io/name": "ingress-nginx" }),
  pod("traefik", "traefik", { "app.kubernetes.io/name": "traefik" }),
  pod("kube-dns", "kube-system", { "k8s-app": "kube-dns" }),
  pod("metrics-server", "kube-system", { "k8s-app": "metrics-server" }),
  pod("cert-manager", "cert-manager", { "app.kubernetes.io/name": "cert-manager" }),
  pod("openshift-dns", "openshift-dns", { "dns.operator.openshift.io/daemonset-dns": "default" }),
  pod("prometheus", "monitoring", { "app.kubernetes.io/name": "prometheus" }),
  pod("bystander", "elsewhere", { app: "bystander" }),
  { name: "public-address", ip: "203.0.113.10" },
  { name: "private-address", ip: "10.20.30.40" },
  { name: "public-address-ipv6", ip: "2001:db8::10" },
  { name: "load-balancer", ip: "192.0.2.10" },
  { name: "node-local-dns", ip: "169.254.20.10" },
  { name: "metadata-service", ip: "169.254.169.254" },
  { name: "metadata-service-ipv6", ip: "fd00:ec2::254" },
];

/** The pods of somebody who gave them the labels of this app's. */
const lookAlikes = (endpoints: readonly Endpoint[]): Endpoint[] => {
  const labels = new Map(
    endpoints.map(({ pod }) => [pod!.labels["app.kubernetes.io/name"]!, pod!.labels]),
  );
  return [...labels].map(([name, own]) => pod(`elsewhere/${name}`, "elsewhere", { ...own }));
};

const policiesOf = (resources: readonly Recorded[]) =>
  find(resources, "NetworkPolicy").map(({ inputs }) => inputs);

/** One cluster with the stages in it, as `staged` registers each. */
export function clusterOf(staged: ReadonlyMap<string, readonly Recorded[]>): Cluster {
  const own = [...staged].flatMap(([stage, resources]) => workloads(stage, resources));
  const namespaces = [...staged].map(([stage, resources]) => {
    const { name, labels } = find(resources, "Namespace")[0]!.inputs.metadata;
    return { stage, name, labels };
  });
  const listening = own.flatMap(({ pod }) => pod!.ports!.map((port) => port.containerPort));
  return {
    policies: [...staged.values()].flatMap(policiesOf),
    namespaces: Object.fromEntries(namespaces.map(({ name, labels }) => [name, labels])),
    endpoints: [
      ...own,
      ...namespaces.flatMap(({ stage, name }) => foreignPods(stage, name)),
      ...lookAlikes(own),
      ...STRANGERS,
    ],
    ports: [...PORTS, ...listening],
  };
}
