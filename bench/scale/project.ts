/** The stacks that declare the copies, each in a project of its own: their program, their settings and their state. */
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { PROJECT_NAME } from "../../config/decode.ts";
import { SERVICE_NAMES } from "../../config/services.ts";
import { readYaml } from "../../ops/lib/yaml.ts";
import { must } from "../stage.ts";
import { pulumiProject } from "../tools/project.ts";

/** A stack, and which copies of the app it has. */
export interface Stack {
  readonly name: string;
  readonly first: number;
  readonly copies: number;
}

/** No node pulls it. */
const imageOf = (service: string) =>
  `localhost:5000/${PROJECT_NAME}/${service}@sha256:${"0".repeat(64)}`;

/** What differs from dev: what only a real pod, controller or volume could do is left out. */
export const SETTINGS = {
  "todo-app:preflight": false,
  "todo-app:host": "copies.todo-app.local",
  "todo-app:images": {
    registry: "localhost:5000",
    ...Object.fromEntries(SERVICE_NAMES.map((service) => [service, imageOf(service)])),
  },
  "todo-app:backend": { replicas: 1 },
  "todo-app:frontend": { replicas: 1 },
  // No controller serves this class, so none sends requests to a copy.
  "todo-app:route": { className: "none", namespace: "ingress-nginx", waitForAddress: false },
  "todo-app:database": { mode: "external" },
  "todo-app:databaseUrl": "postgresql://todo:none@db.example.com/todo?sslmode=require",
} as const;

/** The project of a stack, which exists once it is made. */
export class StackProject {
  readonly stack: Stack;
  private readonly folder: string;
  private readonly project: ReturnType<typeof pulumiProject>;

  /** @param parent the folder for the folders of all projects */
  constructor(parent: string, stack: Stack) {
    const { name, first, copies } = stack;
    const program = fileURLToPath(new URL("program.ts", import.meta.url));
    const declare = `import { declareCopies } from "${program}";\ndeclareCopies(${first}, ${copies});\n`;
    this.stack = stack;
    this.folder = join(parent, name);
    this.project = pulumiProject(this.folder, name, declare);
  }

  /** Makes the project and its stack without resources; one of the same name is forgotten. */
  async make(): Promise<void> {
    rmSync(this.folder, { recursive: true, force: true });
    await must("bash", "-euo", "pipefail", "-c", this.project.prepare);
    const file = join(this.folder, `Pulumi.${this.stack.name}.yaml`);
    const { config } = readYaml("Pulumi.dev.yaml");
    // What the engine has written says how secrets are encrypted.
    writeFileSync(file, stringify({ ...readYaml(file), config: { ...config, ...SETTINGS } }));
  }

  /** The line of bash that runs a command of Pulumi for the stack. */
  run(command: string): string {
    return this.project.run(command);
  }

  /** The size of the stack's state, as it is stored. */
  stateBytes(): number {
    const { name } = this.stack;
    return statSync(join(this.folder, "state/.pulumi/stacks", name, `${name}.json`)).size;
  }
}
