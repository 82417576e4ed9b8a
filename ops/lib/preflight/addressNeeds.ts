/** Whether browsers on this machine find the app on Minikube. All of this is only a warning: the deploy works without it. */
import { connect } from "node:net";
import type { Stage as Configuration } from "../../../config/schema.ts";
import { addressesOf } from "../addresses.ts";
import { run } from "../run.ts";
import { namesIn } from "./classes.ts";
import { itemsOf, type Cluster } from "./clusterApi.ts";
import type { Finding } from "./findings.ts";
import { minikube } from "./installs.ts";
import { INGRESS_CLASSES } from "./routeNeeds.ts";

/** What happens to a connection: it is accepted, it is refused by a machine that is there, or nothing comes back. */
type Answer = "open" | "refused" | "silent";

/** How this machine is asked. */
export interface Means {
  /** The addresses of a host; none where it does not resolve. */
  addressesOf(host: string): Promise<readonly string[]>;
  answerOf(address: string, port: number): Promise<Answer>;
}

const CONNECT_MILLISECONDS = 2_000;

export const THIS_MACHINE: Means = {
  addressesOf,
  answerOf: (address, port) =>
    new Promise((resolve) => {
      const socket = connect({ host: address, port, timeout: CONNECT_MILLISECONDS });
      const end = (answer: Answer) => {
        socket.destroy();
        resolve(answer);
      };
      socket.on("connect", () => end("open"));
      socket.on("timeout", () => end("silent"));
      socket.on("error", ({ code }: NodeJS.ErrnoException) =>
        end(code === "ECONNREFUSED" ? "refused" : "silent"),
      );
    }),
};

interface Node {
  readonly status: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
  };
}

/** The address of the node, as `minikube ip` prints it. */
async function nodeAddress(cluster: Cluster): Promise<string | undefined> {
  const [node] = itemsOf(await cluster.read("/api/v1/nodes?limit=1")) as readonly Node[];
  return node?.status.addresses?.find(({ type }) => type === "InternalIP")?.address;
}

interface Profiles {
  readonly valid?: readonly {
    readonly Name: string;
    readonly Config?: { readonly Driver?: string };
  }[];
}

/** The driver with which Minikube runs the node; undefined where its program does not say so. */
async function driverOf({ profile = "minikube" }: Cluster): Promise<string | undefined> {
  const { code, stdout } = await run(["minikube", "profile", "list", "--light", "--output=json"]);
  // Minikube may say more than that, such as that it is out of date.
  const json = code === 0 && stdout.split("\n").find((line) => line.startsWith("{"));
  if (!json) return undefined;
  const { valid = [] } = JSON.parse(json) as Profiles;
  return valid.find(({ Name }) => Name === profile)?.Config?.Driver;
}

/** What to do where this machine has no way to the node, as with a driver that runs it inside Docker's virtual machine. */
async function unreachable(cluster: Cluster, node: string): Promise<string> {
  const driver = await driverOf(cluster);
  const what = `this machine has no way to Minikube's node ${node}${driver ? ` (driver ${driver})` : ""}`;
  if (!driver || driver === "docker" || driver === "podman")
    return `${what}: the app answers at 127.0.0.1 while this runs in another terminal: ${minikube(cluster, "tunnel")}`;
  const options = driver.startsWith("qemu") ? "--network socket_vmnet" : "--driver docker";
  return `${what}; for a cluster that can be reached: ${minikube(cluster, "delete")} && ${minikube(cluster, `start ${options}`)}`;
}

/** Whether the host leads to the ingress add-on of Minikube, and what makes it do so. */
export async function addressFindings(
  { host, route, tls }: Configuration,
  cluster: Cluster,
  means: Means = THIS_MACHINE,
): Promise<readonly Finding[]> {
  if (cluster.kind !== "minikube" || route.kind !== "ingress" || route.className !== "nginx")
    return [];
  const [classes, node] = await Promise.all([cluster.read(INGRESS_CLASSES), nodeAddress(cluster)]);
  if (!namesIn(classes).includes(route.className) || !node) return [];
  const port = tls.issuer === "none" ? 80 : 443;
  const addresses = await means.addressesOf(host);
  const answers = await Promise.all(addresses.map((address) => means.answerOf(address, port)));
  if (answers.includes("open")) return [];
  const isReachable = (await means.answerOf(node, port)) !== "silent";
  const target = isReachable ? node : "127.0.0.1";
  const warnings = isReachable ? [] : [await unreachable(cluster, node)];
  if (!addresses.length)
    warnings.push(
      `${host} has no address on this machine; this gives it one: echo "${target} ${host}" | sudo tee -a /etc/hosts`,
    );
  else if (!addresses.includes(target))
    warnings.push(
      `${host} resolves to ${addresses.join(", ")}, where nothing answers at port ${port}; Minikube is at ${target}: correct the line in /etc/hosts`,
    );
  return warnings.map((warning) => ({ warning }));
}
