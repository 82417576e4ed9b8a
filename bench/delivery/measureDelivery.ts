/** Delivers the objects of a stage with each tool, round by round, and measures every step. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { OperatorError } from "../../ops/lib/errors.ts";
import { temporaryFolder, withCleanUp } from "../cleanUp.ts";
import { machineFacts, type Facts } from "../machine.ts";
import { measure } from "../measure.ts";
import { writeFacts, writeReport, writeResults } from "../report/write.ts";
import { endOfLog, requestsSince } from "../requests.ts";
import { must, prepareStage, removeStage, untilGone, type Images } from "../stage.ts";
import { cdk8s } from "../tools/cdk8s.ts";
import { emptyProgram } from "../tools/emptyProgram.ts";
import { helm } from "../tools/helm.ts";
import { kubectl } from "../tools/kubectl.ts";
import { make } from "../tools/make.ts";
import { opentofu } from "../tools/opentofu.ts";
import { pulumi } from "../tools/pulumi.ts";
import { STEPS, type Step, type Tool } from "../tools/tool.ts";

const TOOLS = [make, pulumi, emptyProgram, kubectl, cdk8s, helm, opentofu];

/** A measured step. */
type Measured = Readonly<Record<string, string | number>>;

/** The number of rounds that ROUNDS names. @default 2, with which make bench takes less than 40 minutes on two cores */
export function roundsWanted(rounds = process.env.ROUNDS || "2"): number {
  if (/^[1-9]\d?$/.test(rounds)) return Number(rounds);
  throw new OperatorError(`ROUNDS is "${rounds}"; allowed: 1 to 99`, "make bench ROUNDS=7");
}

const bash = (line = "true") => must("bash", "-euo", "pipefail", "-c", line);

/** What tools have recorded of a deployed release, as facts. */
type Records = Record<string, string>;

async function noteRecord({ name, record }: Tool, records: Records): Promise<void> {
  if (!record) return;
  const bytes = Buffer.byteLength(await bash(record));
  records[`record of ${name}`] = `${(bytes / 1000).toFixed(0)} KB`;
}

/** Goes through the steps of a tool once. */
async function goThrough(tool: Tool, round: number, records: Records): Promise<Measured[]> {
  const { name, steps } = tool;
  const measured: Measured[] = [];
  for (const step of Object.keys(STEPS) as Step[]) {
    const line = steps[step];
    if (!line) continue;
    const before = endOfLog();
    const { wallSeconds, cpuSeconds, peakMebibytes } = await measure(line);
    process.stdout.write(`  round ${round}, ${name}, ${step}: ${wallSeconds.toFixed(2)} s\n`);
    measured.push({
      round,
      tool: name,
      step,
      wall_seconds: wallSeconds.toFixed(2),
      cpu_seconds: cpuSeconds.toFixed(2),
      peak_mib: peakMebibytes.toFixed(1),
      api_requests: requestsSince(before),
    });
    if (step === "deploy") await noteRecord(tool, records);
  }
  if (steps.destroy) await untilGone();
  return measured;
}

/** The tools take turns, so that what changes on the machine meanwhile meets all of them. With seven rounds, each is first in one. */
function inTurn<T>(tools: readonly T[], round: number): readonly T[] {
  const first = (round - 1) % tools.length;
  return [...tools.slice(first), ...tools.slice(0, first)];
}

/** Writes results and facts after each round, so that those of a run that is ended are not lost. @returns the facts with the records */
async function goRounds(tools: readonly Tool[], rounds: number, facts: Facts): Promise<Facts> {
  const measured: Measured[] = [];
  const records: Records = {};
  const place = ({ tool }: Measured) => tools.findIndex(({ name }) => name === tool);
  for (let round = 1; round <= rounds; round++) {
    for (const tool of inTurn(tools, round))
      measured.push(...(await goThrough(tool, round, records)));
    const sorted = measured.toSorted((one, other) => place(one) - place(other));
    writeResults("delivery", sorted);
    writeFacts({ ...facts, ...records });
    await writeReport();
  }
  return { ...facts, ...records };
}

/** What removes everything that was deployed, also what an earlier run has left. */
const cleanUps = (tools: readonly Tool[], images: Images) => [
  ...tools.map(
    ({ clean }) =>
      () =>
        bash(clean),
  ),
  () => removeStage(images),
];

/** Deploys the stage once for the inputs of the tools. @returns the facts about what they deploy */
async function prepare(tools: readonly Tool[], folder: string, images: Images): Promise<Facts> {
  process.stdout.write("  preparing: tools, a stage, its objects\n");
  for (const tool of tools) await bash(tool.prepare);
  for (const cleanUp of cleanUps(tools, images)) await cleanUp();
  const stateBytes = await prepareStage(folder, images);
  return {
    ...(await machineFacts()),
    "objects of the stage": String(readdirSync(join(folder, "base/objects")).length),
    "state of the stage": `${(stateBytes / 1000).toFixed(0)} KB`,
  };
}

/**
 * Measures so many rounds with images that exist, and writes results and report. What it has deployed is removed.
 *
 * @returns the facts that it has written
 */
export function measureDelivery(images: Images, rounds: number): Promise<Facts> {
  const folder = temporaryFolder("bench");
  const tools = TOOLS.map((tool) => tool({ folder }));
  return withCleanUp(
    async () => goRounds(tools, rounds, await prepare(tools, folder, images)),
    [...cleanUps(tools, images), () => rmSync(folder, { recursive: true })],
  );
}
