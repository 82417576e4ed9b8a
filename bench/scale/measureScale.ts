/** Measures copies of the app in one stack, and as many stacks of one copy each. */
import { rmSync } from "node:fs";
import { OperatorError } from "../../ops/lib/errors.ts";
import { temporaryFolder, withCleanUp } from "../cleanUp.ts";
import { measure } from "../measure.ts";
import { CONTEXT, must } from "../stage.ts";
import { NAMESPACE_PREFIX } from "./names.ts";
import { StackProject, type Stack } from "./project.ts";

/** A measured step of a stack. */
export type Measured = Readonly<Record<string, string | number>>;

const UP = "up --yes --skip-preview";
/** The steps in their order: what is measured of each stack. */
const STEPS = {
  deploy: UP,
  "no-change": `${UP} --expect-no-changes`,
  preview: "preview --expect-no-changes",
} as const;

/** How often a step without a change is measured at most, and seconds after which it is not measured again. */
const REPEATS = 3;
const ENOUGH_SECONDS = 25;
/**
 * With more copies, the first deploy makes the state only once, at its end. By default, the engine makes all of it before and after
 * each resource that it creates, which takes time with the square of the number of copies.
 */
const EACH_WRITTEN_UP_TO = 10;
const WRITTEN_ONCE = "PULUMI_SKIP_CHECKPOINTS=true";
/** Stacks of one copy that are measured. Any other costs as much as these. */
const SAMPLE = 3;
/** Copies above the largest number in one stack, so that no two stacks of a run have the same. */
const SAMPLE_FIRST = 1000;

const kubectl = (...args: readonly string[]) => must("kubectl", "--context", CONTEXT, ...args);

/** Removes the namespaces of all copies, also those of an earlier run. */
async function removeCopies(): Promise<void> {
  const names = (await kubectl("get", "namespaces", "--output", "name"))
    .split("\n")
    .filter((name) => name.startsWith(`namespace/${NAMESPACE_PREFIX}`));
  if (names.length) await kubectl("delete", ...names, "--timeout=600s");
}

/** The numbers of copies that COPIES names, ascending. */
export function copiesWanted(copies = process.env.COPIES || "1,10"): readonly number[] {
  if (/^[1-9]\d{0,2}(,[1-9]\d{0,2})*$/.test(copies))
    return [...new Set(copies.split(",").map(Number))].toSorted((one, other) => one - other);
  throw new OperatorError(
    `COPIES is "${copies}"; allowed: numbers from 1 to 999 with commas between them`,
    "make bench COPIES=1,10,50",
  );
}

const fakeNodes = (what: "up" | "down") => must("bench/fake-nodes.sh", what);

/** Measures lines of bash, and keeps what they have cost. */
class Measurement {
  readonly rows: Measured[] = [];
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Measures one step of a stack. @returns the seconds that it has taken */
  private async step(
    kind: string,
    project: StackProject,
    step: string,
    line: string,
  ): Promise<number> {
    const { stack } = project;
    const { wallSeconds, cpuSeconds, peakMebibytes } = await measure(line);
    process.stdout.write(`  ${stack.name}, ${step}: ${wallSeconds.toFixed(2)} s\n`);
    this.rows.push({
      kind,
      stack: stack.name,
      copies: stack.copies,
      step,
      wall_seconds: wallSeconds.toFixed(2),
      cpu_seconds: cpuSeconds.toFixed(2),
      peak_mib: peakMebibytes.toFixed(1),
      state_bytes: project.stateBytes(),
    });
    return wallSeconds;
  }

  /** Deploys a new stack. */
  async deploy(kind: string, stack: Stack, isWrittenOnce: boolean): Promise<StackProject> {
    const project = new StackProject(this.folder, stack);
    await project.make();
    const [step, settings] = isWrittenOnce
      ? ["deploy-written-once", `export ${WRITTEN_ONCE}; `]
      : ["deploy", ""];
    await this.step(kind, project, step, settings + project.run(STEPS.deploy));
    return project;
  }

  /** Measures the steps of a deployed stack that change nothing. */
  async withoutChange(kind: string, project: StackProject): Promise<void> {
    for (const step of ["no-change", "preview"] as const) {
      const line = project.run(STEPS[step]);
      for (let times = 0, seconds = 0; times < REPEATS && seconds < ENOUGH_SECONDS; times++)
        seconds += await this.step(kind, project, step, line);
    }
  }

  /** Measures a number of copies in one stack, which stays. */
  async inOneStack(copies: number): Promise<void> {
    const stack: Stack = { name: `copies-${copies}`, first: 1, copies };
    if (copies <= EACH_WRITTEN_UP_TO) {
      await this.deploy("one stack", stack, false);
      await removeCopies();
    }
    await this.withoutChange("one stack", await this.deploy("one stack", stack, true));
  }

  /** Measures stacks of one copy each, one after the other, beside what is deployed already. */
  async inOwnStacks(): Promise<void> {
    for (let index = 0; index < SAMPLE; index++) {
      const stack: Stack = { name: `own-${index + 1}`, first: SAMPLE_FIRST + index, copies: 1 };
      await this.withoutChange("own stacks", await this.deploy("own stacks", stack, false));
    }
  }
}

/**
 * Measures each number of copies, and then stacks of one copy beside the largest number.
 *
 * @param keep called after each number with all that was measured, so that a run that is ended keeps what it has
 */
export async function measureScale(
  numbers: readonly number[],
  keep: (rows: readonly Measured[]) => void,
): Promise<void> {
  const folder = temporaryFolder("scale");
  const measurement = new Measurement(folder);
  const measureAll = async () => {
    process.stdout.write("  preparing: kwok and its nodes\n");
    await fakeNodes("up");
    for (const copies of numbers) {
      await removeCopies();
      await measurement.inOneStack(copies);
      keep(measurement.rows);
    }
    await measurement.inOwnStacks();
    keep(measurement.rows);
  };
  await withCleanUp(measureAll, [
    removeCopies,
    () => fakeNodes("down"),
    () => rmSync(folder, { recursive: true }),
  ]);
}
