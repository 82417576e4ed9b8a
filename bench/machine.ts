/** The machine and the programs that the figures are of. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { CONTEXT, must } from "./stage.ts";

const osName = () => /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];

interface Versions {
  readonly clientVersion: { readonly gitVersion: string };
  readonly serverVersion: { readonly gitVersion: string };
}

/** Facts by name. */
export type Facts = Readonly<Record<string, string>>;

/** The version of a Go module that a folder of bench/modules pins. */
function pinned(folder: string, module: string): string {
  const lines = readFileSync(`bench/modules/${folder}/go.mod`, "utf8").split("\n");
  const found = lines.map((line) => line.trim().split(" ")).find(([name]) => name === module);
  return found![1]!;
}

/** The machine and its programs as they are now. */
export async function machineFacts(): Promise<Facts> {
  const kubectl = ["kubectl", "--context", CONTEXT] as const;
  const versions = JSON.parse(await must(...kubectl, "version", "--output", "json")) as Versions;
  const nodes = await must(...kubectl, "get", "nodes", "--output", "name");
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: (await must("git", "rev-parse", "--short", "HEAD")).trim(),
    processor: `${cpus().length} × ${cpus()[0]!.model}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${osName() ?? "unknown"}, Linux ${release()}`,
    "load before": loadavg()[0]!.toFixed(2),
    Kubernetes: `${versions.serverVersion.gitVersion}, ${nodes.trim().split("\n").length} nodes on this machine`,
    "Node.js": process.version,
    Pulumi: (await must("pulumi", "version")).trim(),
    "Kubernetes client": versions.clientVersion.gitVersion,
    Helm: pinned("helm", "helm.sh/helm/v4"),
    OpenTofu: pinned("opentofu", "github.com/opentofu/opentofu"),
    "OpenTofu's provider": `${pinned("terraform-provider-kubectl", "github.com/gavinbunney/terraform-provider-kubectl")} by gavinbunney`,
  };
}
