/** What a stage needs of the controller that serves its route. */
import type { Stage as Configuration } from "../../../config/schema.ts";
import { classFindings, named, type Named } from "./classes.ts";
import type { Cluster } from "./clusterApi.ts";
import { unlessFound, type Check } from "./findings.ts";
import { addon, apply, helm } from "./installs.ts";

export const INGRESS_CLASSES = "/apis/networking.k8s.io/v1/ingressclasses";

interface IngressClass extends Named {
  readonly spec?: { readonly controller?: string };
}

/** Installs Traefik in the namespace that todo-app:route.namespace names: the NetworkPolicies let in traffic from there only. */
const traefik = (cluster: Cluster, { namespace }: Configuration["route"], settings: string[]) =>
  helm(
    cluster,
    "traefik traefik --repo https://traefik.github.io/charts --version 39.0.9",
    namespace,
    settings,
  );

const controllerOf = (className: string) =>
  `install the controller that serves ${className}, or name another one: todo-app:route.className`;

const RETIRED =
  "ingress-nginx is retired since March 2026 and gets no security fixes; Traefik does: todo-app:route.className traefik";

/** Warns about ingress-nginx. Not on Minikube, whose add-on is for development, nor on the local cluster. */
export const retiredController: Check = async ({ route }, cluster) => {
  if (route.kind !== "ingress" || cluster.kind !== "other") return [];
  const classes = named(await cluster.read(INGRESS_CLASSES)) as readonly IngressClass[];
  const served = classes.find(({ metadata }) => metadata.name === route.className);
  return served?.spec?.controller === "k8s.io/ingress-nginx" ? [{ warning: RETIRED }] : [];
};

const ingressClass: Check = ({ route }, cluster) => {
  const install: Readonly<Record<string, string>> = {
    nginx: addon(cluster, "ingress", `${apply(cluster, "ingressNginx")} # ${RETIRED}`),
    traefik: addon(
      cluster,
      undefined,
      // Traefik then matches whole path elements, as Kubernetes defines a Prefix.
      traefik(cluster, route, ["providers.kubernetesIngress.strictPrefixMatching=true"]),
    ),
  };
  return classFindings(cluster, INGRESS_CLASSES, route.className, {
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
          // Traefik serves a listener only if an entry point has the same port inside the pod.
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

export const routeClass: Check = (config, ...others) =>
  (config.route.kind === "gateway" ? gatewayClass : ingressClass)(config, ...others);
