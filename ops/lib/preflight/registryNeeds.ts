/** What a registry at `localhost` needs: Docker pushes to it, nodes pull from it, and each looks for it on its own side. */
import type { Stage as Configuration } from "../../../config/schema.ts";
import { SERVICE_NAMES } from "../../../config/services.ts";
import { run } from "../run.ts";
import { itemsOf, type Cluster } from "./clusterApi.ts";
import { kubectl, unlessFound, type Check } from "./findings.ts";
import { minikube } from "./installs.ts";

/** Where the nodes of Minikube find its registry add-on, with any driver. */
const ADDON = "localhost:5000";
const ADDON_SERVICE = "/api/v1/namespaces/kube-system/services/registry";

const isPushedToLocalhost = (images: Configuration["images"]) =>
  images.push &&
  !SERVICE_NAMES.every((name) => images[name]) &&
  /^(localhost|127\.0\.0\.1)(:|$)/.test(images.registry);

/** Minikube's registry add-on, which nodes need, as they don't see the registries of the machine. */
export const registryAddon: Check = async ({ images }, cluster) => {
  if (cluster.kind !== "minikube" || !isPushedToLocalhost(images)) return [];
  // The port that Minikube prints when the add-on is enabled is one of the machine. The nodes don't have it.
  if (!images.registry.endsWith(":5000"))
    return [
      {
        missing: `a registry that Minikube's nodes find at ${images.registry}, which todo-app:images.registry names`,
        fix: `set todo-app:images.registry to ${ADDON}, where its nodes find the add-on`,
      },
    ];
  return unlessFound(
    await cluster.read(ADDON_SERVICE),
    `the registry add-on, in which todo-app:images.registry ${images.registry} is`,
    minikube(cluster, "addons enable registry"),
  );
};

interface Node {
  readonly status: { readonly nodeInfo: { readonly containerRuntimeVersion?: string } };
}

/** Starts a container where Docker runs, also inside a virtual machine, that forwards the port to the node. */
const forward = (cluster: Cluster) =>
  "docker run --detach --rm --name minikube-registry --network host alpine " +
  `ash -c "apk add socat && exec socat TCP-LISTEN:5000,fork,reuseaddr TCP:$(${minikube(cluster, "ip")}):5000"`;

/** The command after which Docker reaches the registry of Minikube. */
async function connect(cluster: Cluster): Promise<string> {
  if (process.env.MINIKUBE_ACTIVE_DOCKERD)
    // Docker is the one of the node already
    return kubectl(cluster, "--namespace kube-system rollout status daemonset/registry-proxy");
  const nodes = itemsOf(await cluster.read("/api/v1/nodes")) as readonly Node[];
  const runtime = nodes[0]?.status.nodeInfo.containerRuntimeVersion ?? "";
  return nodes.length === 1 && runtime.startsWith("docker:")
    ? `eval "$(${minikube(cluster, "docker-env")})", which has images built by Minikube's own Docker, then the same command again`
    : forward(cluster);
}

/** What a registry says that does not have the image, or does not show it to everybody. */
const REFUSAL = /not found|manifest unknown|name unknown|denied|unauthorized/i;

/** Whether Docker reaches the registry. `localhost` is that of the daemon, which may run in a virtual machine. */
export const registryForDocker: Check = async ({ images }, cluster) => {
  if (cluster.kind === "local" || !isPushedToLocalhost(images)) return [];
  const isMinikube = cluster.kind === "minikube";
  if (isMinikube && (await cluster.read(ADDON_SERVICE)).state !== "found") return [];
  const { registry, repository } = images;
  // Of all commands, only a pull makes the daemon ask a registry and changes nothing: there is no such image.
  const { code, output } = await run([
    "docker",
    "pull",
    `${registry}/${repository}/preflight:none`,
  ]);
  if (code === 0 || REFUSAL.test(output)) return [];
  return [
    {
      missing: `a registry that Docker reaches at ${registry}, which todo-app:images.registry names (${output.trim().split("\n").at(-1)})`,
      fix: isMinikube
        ? await connect(cluster)
        : "start the registry, or forward its port to where Docker runs",
    },
  ];
};
