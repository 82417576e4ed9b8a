/** A Prometheus that evaluates the rules which a stage has declared in the cluster, and scrapes what they read. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import type { Server } from "node:http";
import { createInterface } from "node:readline";
import { forwardPort, type PortForward } from "../../../ops/lib/portForward.ts";
import { eventually, sh } from "../../e2e/support/shell.ts";
import type { Group, Rule } from "../../monitoring/manifests.ts";
import { Prometheus, type ActiveAlert, type Target } from "../../monitoring/prometheus.ts";
import { serveObjectMetrics } from "./objectMetrics.ts";

/** In the place of the minutes and hours for which a condition must last. */
const WAIT = "3s";
/** Each scheduled backup is overdue while it is made, which takes some seconds. */
const WAIT_OF: Readonly<Record<string, string>> = { AppBackupOverdue: "30s" };
/** How late a renewal is, in seconds, where the rules say two hours. */
const LATE: readonly [written: RegExp, shortened: string] = [/ > 7200\b/g, " > 5"];
/** It has a test of its own, test/e2e/15-monitoring.test.ts, and no pod of the frontend is scraped here. */
export const ELSEWHERE = "AppDown";

const PATIENCE_MS = 10_000;
const METRICS_PORT = 9464;
/** It has many metrics, and looks at volumes once a minute. */
const KUBELET_INTERVAL = "10s";

const objects = async (args: string): Promise<readonly any[]> =>
  (JSON.parse(await sh(`kubectl --context minikube ${args} -o json`)) as { items: any[] }).items;

/** A rule with what it takes to see it within seconds. Nothing but times of waiting is changed. */
function shortened(rule: Rule): Rule {
  const expr = rule.expr.replaceAll(...LATE);
  if (rule.alert?.startsWith("AppCertificate")) assert.notEqual(expr, rule.expr);
  return { ...rule, expr, ...(rule.for && { for: WAIT_OF[rule.alert!] ?? WAIT }) };
}

export class AlertWatch {
  private readonly namespace: string;
  private readonly prometheus = new Prometheus();
  private readonly programs: ChildProcess[] = [];
  private exporter?: Server;
  private forward?: PortForward;
  /** Names of the alerts that the stage declares. */
  declared: readonly string[] = [];

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  async start(): Promise<void> {
    // The way to the API server, and through it to the kubelets, without credentials.
    const api = await this.run("kubectl", ["--context=minikube", "proxy", "--port=0"]);
    const { server, address } = await serveObjectMetrics(`http://${api}`, this.namespace);
    this.exporter = server;
    const targets = [
      { address, labels: { job: "kube-state-metrics" } },
      await this.backend(),
      await this.certificates(api),
      ...(await this.kubelets(api)),
    ];
    await this.prometheus.start(targets, await this.rules());
    // What is counted before the first values is no increase.
    await eventually(30, async () =>
      assert.equal((await this.prometheus.query("up == 1")).length, targets.length),
    );
  }

  async stop(): Promise<void> {
    this.forward?.end();
    this.exporter?.close();
    this.exporter?.closeAllConnections();
    for (const program of this.programs) program.kill();
    await this.prometheus.stop();
  }

  /** After a deploy that declares other rules. */
  async readRules(): Promise<void> {
    this.prometheus.useRules(await this.rules());
  }

  async firing(name: string): Promise<readonly ActiveAlert[]> {
    const all = await this.prometheus.alerts();
    return all.filter(({ labels, state }) => labels.alertname === name && state === "firing");
  }

  /** The rules as the API server has them, which is where the operator reads them. */
  private async rules(): Promise<readonly Group[]> {
    const [object] = await objects(`-n ${this.namespace} get prometheusrules`);
    const groups: readonly Group[] = object.spec.groups;
    const watched = groups.map((group) => ({
      ...group,
      rules: group.rules.filter(({ alert }) => alert !== ELSEWHERE).map(shortened),
    }));
    this.declared = [
      ...new Set(watched.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []))),
    ];
    return watched;
  }

  /** Starts a program that says where it serves. */
  private run(program: string, args: readonly string[]): Promise<string> {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.programs.push(child);
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const [, address] = /^Starting to serve on (\S+)/.exec(line) ?? [];
        if (address) resolve(address);
      });
      child.on("close", () => reject(new Error(`${program} ended`)));
    });
  }

  private async backend(): Promise<Target> {
    const selector = "app.kubernetes.io/name=backend";
    const [pod] = await objects(`-n ${this.namespace} get pods -l ${selector}`);
    const { name } = pod.metadata;
    const place = { context: "minikube", namespace: this.namespace };
    this.forward = forwardPort(place, name, METRICS_PORT, PATIENCE_MS);
    const labels = { namespace: this.namespace, job: "backend", pod: name };
    return { address: await this.forward.address, labels };
  }

  /** With the labels that cert-manager's own monitor gives, which rename the namespace of a certificate. */
  private async certificates(api: string): Promise<Target> {
    const program = execFileSync("test/soak/alerts/certificate-metrics.sh", {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    }).trim();
    const address = await this.run(program, [`http://${api}`]);
    return { address, labels: { job: "cert-manager", namespace: "cert-manager" } };
  }

  private async kubelets(api: string): Promise<readonly Target[]> {
    return (await objects("get nodes")).map(({ metadata: { name } }) => ({
      address: api,
      labels: {
        job: "kubelet",
        node: name,
        __metrics_path__: `/api/v1/nodes/${name}/proxy/metrics`,
        __scrape_interval__: KUBELET_INTERVAL,
        __scrape_timeout__: KUBELET_INTERVAL,
      },
    }));
  }
}
