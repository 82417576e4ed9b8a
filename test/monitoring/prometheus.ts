/** A Prometheus process for one test, with the rules of a stage. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import { prometheusFolder, type Group } from "./manifests.ts";

const INTERVAL = "1s";
const START_SECONDS = 20;

/** What is scraped, with the labels that the operator would give it, such as `namespace`, `job` and `pod` of a pod. */
export interface Target {
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
  /** Since when its condition holds. */
  readonly activeAt: string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

export class Prometheus {
  private readonly folder = mkdtempSync(join(tmpdir(), "todo-app-prometheus-"));
  private process?: ChildProcess;
  private url = "";
  private log = "";

  /** Scrapes the targets and evaluates the rules every second, whatever interval the groups state. */
  async start(targets: readonly Target[], groups: readonly Group[]): Promise<void> {
    const scraped = targets.map(({ address, labels }) => ({ targets: [address], labels }));
    this.writeRules(groups);
    this.write("prometheus.yaml", {
      global: { scrape_interval: INTERVAL, evaluation_interval: INTERVAL },
      rule_files: ["rules.yaml"],
      scrape_configs: [{ job_name: "pods", static_configs: scraped }],
    });
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    this.process = spawn(
      join(prometheusFolder(), "prometheus"),
      [
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=data",
        "--log.level=warn",
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { cwd: this.folder, stdio: ["ignore", "ignore", "pipe"] },
    );
    this.process.stderr!.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
    await this.ready();
  }

  /** Evaluates these rules from now on; those that stay the same keep their state. */
  useRules(groups: readonly Group[]): void {
    this.writeRules(groups);
    this.process!.kill("SIGHUP");
  }

  async stop(): Promise<void> {
    if (this.process?.exitCode === null) {
      this.process.kill();
      await once(this.process, "close");
    }
    rmSync(this.folder, { recursive: true });
  }

  /** The result of a query that answers with a vector. */
  async query(expr: string): Promise<readonly Sample[]> {
    const { result } = await this.ask<{ result: Sample[] }>(
      `query?query=${encodeURIComponent(expr)}`,
    );
    return result;
  }

  async alerts(): Promise<readonly ActiveAlert[]> {
    return (await this.ask<{ alerts: ActiveAlert[] }>("alerts")).alerts;
  }

  private writeRules(groups: readonly Group[]) {
    this.write("rules.yaml", { groups: groups.map((group) => ({ ...group, interval: INTERVAL })) });
  }

  private write(file: string, content: object) {
    writeFileSync(join(this.folder, file), stringify(content));
  }

  private async ask<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const answer = (await response.json()) as { data: T; error?: string };
    if (answer.error) throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }

  private async ready(): Promise<void> {
    const deadline = Date.now() + START_SECONDS * 1000;
    for (;;) {
      const answer = await fetch(`${this.url}/-/ready`).catch(() => undefined);
      if (answer?.ok) return;
      if (this.process!.exitCode !== null || Date.now() > deadline)
        throw new Error(`Prometheus did not start within ${START_SECONDS} s:\n${this.log}`);
      await sleep(100);
    }
  }
}
