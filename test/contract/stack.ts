// A temporary stack: the real engine, the plugins on PATH, and a file backend in a temporary project folder.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type EngineEvent,
  LocalWorkspace,
  type PulumiFn,
  type Stack,
} from "@pulumi/pulumi/automation/index.js";

import { requireLocalCluster } from "../e2e/support/localCluster.ts";

requireLocalCluster();

/** What one run of the engine did, or why it failed. */
export interface Run {
  /** Every step as `operation type::name`, without those that change nothing. */
  readonly steps: string[];
  readonly outputs: Record<string, unknown>;
  readonly log: string;
  readonly error?: string;
}

export class Project {
  readonly folder: string;
  private stack!: Stack;
  private readonly copies: string[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** A new project; with `copyOf`, the same stack checked out at another place. */
  static async create(copyOf?: Project): Promise<Project> {
    const project = new Project(mkdtempSync(join(tmpdir(), "contract-")));
    const backend = join(copyOf?.folder ?? project.folder, "state");
    if (copyOf) {
      cpSync(copyOf.folder, project.folder, { recursive: true });
      copyOf.copies.push(project.folder);
    } else mkdirSync(backend);
    project.stack = await LocalWorkspace.createOrSelectStack(
      { stackName: "contract", projectName: "contract", program: async () => {} },
      {
        workDir: project.folder,
        projectSettings: { name: "contract", runtime: "nodejs" }, // by default the test's own folder is the program's
        envVars: {
          PULUMI_BACKEND_URL: `file://${backend}`,
          PULUMI_CONFIG_PASSPHRASE: "contract",
          PULUMI_SKIP_UPDATE_CHECK: "true",
        },
      },
    );
    return project;
  }

  up(program: PulumiFn): Promise<Run> {
    return this.run((onEvent) => this.stack.up({ program, onEvent }));
  }

  preview(program: PulumiFn): Promise<Run> {
    return this.run((onEvent) => this.stack.preview({ program, onEvent, diff: true }));
  }

  refresh(): Promise<Run> {
    return this.run((onEvent) => this.stack.refresh({ onEvent }));
  }

  destroy(): Promise<Run> {
    return this.run((onEvent) => this.stack.destroy({ onEvent }));
  }

  /** The state as `pulumi stack export` writes it; the automation API would decrypt it. */
  state(): string {
    const options = {
      cwd: this.folder,
      encoding: "utf8",
      env: { ...process.env, ...this.stack.workspace.envVars },
    } as const;
    return execFileSync("pulumi", ["stack", "export", "--stack", "contract"], options);
  }

  /** Ends the processes that still run, and removes the folders. */
  async remove(): Promise<void> {
    const { error } = await this.destroy();
    for (const folder of [this.folder, ...this.copies]) rmSync(folder, { recursive: true });
    if (error) throw new Error(error);
  }

  private async run(
    operation: (onEvent: (event: EngineEvent) => void) => Promise<unknown>,
  ): Promise<Run> {
    const run = {
      steps: [] as string[],
      outputs: {},
      log: "",
      error: undefined as string | undefined,
    };
    let errors = "";
    const seen = new Set<number>();
    const onEvent = ({ sequence, diagnosticEvent: message, resourcePreEvent }: EngineEvent) => {
      // The automation API follows the engine's log file, and may read a line twice while it grows.
      if (seen.has(sequence)) return;
      seen.add(sequence);
      if (message?.severity === "error") errors += message.message;
      else if (message && (message.severity as string) !== "debug")
        run.log += `${message.message}\n`;
      const step = resourcePreEvent?.metadata;
      if (step && step.op !== "same")
        run.steps.push(`${step.op} ${step.urn.split("::").slice(2).join("::")}`);
    };
    try {
      const result = (await operation(onEvent)) as { outputs?: Record<string, { value: unknown }> };
      run.outputs = Object.fromEntries(
        Object.entries(result.outputs ?? {}).map(([key, { value }]) => [key, value]),
      );
    } catch (error) {
      run.error = errors || (error as Error).message;
    }
    return run;
  }
}

/** Skips the suite, saying why, when the machine lacks what it needs; on CI that is a failure. */
export function needs(
  context: Mocha.Context,
  what: string,
  command: string,
  ...args: string[]
): void {
  try {
    execFileSync(command, args, { stdio: "pipe", timeout: 20_000 });
  } catch (error) {
    const reason = `needs ${what}: ${(error as Error).message.split("\n").slice(0, 2).join(" ")}`;
    if (process.env.CI === "true") throw new Error(reason, { cause: error });
    console.log(`    skipped, ${reason}`);
    context.skip();
  }
}

/** Runs kubectl on the test's cluster. */
export const kubectl = (...args: string[]): string =>
  execFileSync("kubectl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
