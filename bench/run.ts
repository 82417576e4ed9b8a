/**
 * `make bench`: measures how images are built and the objects of a stage delivered by this project and by what people would use
 * instead, how the deployed app runs, how costs grow with many copies of it, and how large the images are. Writes bench/results/, docs/performance.md and its charts. Ends
 * with exit code 1 where a target is missed.
 *
 * Usage: ROUNDS=7 COPIES=1,10,50 node bench/run.ts, with the settings of the local cluster, on which dev is deployed
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError, main } from "../ops/lib/errors.ts";
import { requireLocalCluster } from "../test/e2e/support/localCluster.ts";
import { measureBuilds } from "./builds/measureBuilds.ts";
import { imageLayers } from "./images.ts";
import { machineFacts } from "./machine.ts";
import { measure } from "./measure.ts";
import { REPORT } from "./report.ts";
import { showTargets, writeReport, writeResults } from "./report/write.ts";
import { endOfLog, requestsSince } from "./requests.ts";
import { copiesWanted, measureScale } from "./scale/measureScale.ts";
import { measureService } from "./service/measureService.ts";
import { imagesOfDev, must, prepareStage, removeStage, untilGone, type Images } from "./stage.ts";
import { cdk8s } from "./tools/cdk8s.ts";
import { emptyProgram } from "./tools/emptyProgram.ts";
import { helm } from "./tools/helm.ts";
import { kubectl } from "./tools/kubectl.ts";
import { make } from "./tools/make.ts";
import { pulumi } from "./tools/pulumi.ts";
import { STEPS, type Step, type Tool } from "./tools/tool.ts";

const TOOLS = [make, pulumi, emptyProgram, kubectl, cdk8s, helm];

/** A measured step. */
type Measured = Readonly<Record<string, string | number>>;

function roundsWanted(): number {
  const { ROUNDS = "7" } = process.env;
  if (/^[1-9]\d?$/.test(ROUNDS)) return Number(ROUNDS);
  throw new OperatorError(`ROUNDS is "${ROUNDS}"; allowed: 1 to 99`, "make bench ROUNDS=7");
}

const bash = (line = "true") => must("bash", "-euo", "pipefail", "-c", line);

/** Goes through the steps of a tool once. */
async function goThrough({ name, steps }: Tool, round: number): Promise<Measured[]> {
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
  }
  if (steps.destroy) await untilGone();
  return measured;
}

/** The tools take turns, so that what changes on the machine meanwhile meets all of them, and each is first in some round. */
function inTurn<T>(tools: readonly T[], round: number): readonly T[] {
  const first = (round - 1) % tools.length;
  return [...tools.slice(first), ...tools.slice(0, first)];
}

/** Writes the results after each round, so that those of a run that is ended are not lost. */
async function goRounds(tools: readonly Tool[], rounds: number): Promise<void> {
  const measured: Measured[] = [];
  const place = ({ tool }: Measured) => tools.findIndex(({ name }) => name === tool);
  for (let round = 1; round <= rounds; round++) {
    for (const tool of inTurn(tools, round)) measured.push(...(await goThrough(tool, round)));
    const sorted = measured.toSorted((one, other) => place(one) - place(other));
    writeResults("delivery", sorted);
    await writeReport();
  }
}

/** Removes everything that was deployed, also what an earlier run has left. */
async function cleanUp(tools: readonly Tool[], images: Images): Promise<void> {
  for (const { clean } of tools) await bash(clean);
  await removeStage(images);
}

/** Measures the parts that are no delivery. The running app goes with the stage that it leaves, which is deployed anew. */
async function measureParts(images: Images, copies: readonly number[]): Promise<void> {
  writeResults("builds", await measureBuilds());
  writeResults("service", await measureService(images));
  await removeStage(images);
  await measureScale(copies, (rows) => writeResults("scale", rows));
}

async function bench(): Promise<void> {
  requireLocalCluster();
  const [rounds, copies] = [roundsWanted(), copiesWanted()];
  const images = await imagesOfDev();
  const folder = mkdtempSync(join(tmpdir(), "todo-app-bench-"));
  const tools = TOOLS.map((tool) => tool({ folder }));
  try {
    process.stdout.write("  preparing: tools, a stage, its objects\n");
    for (const { prepare } of tools) await bash(prepare);
    await cleanUp(tools, images);
    await measureParts(images, copies);
    const stateBytes = await prepareStage(folder, images);
    const facts = {
      ...(await machineFacts()),
      "objects of the stage": readdirSync(join(folder, "base/objects")).length,
      "state of the stage": `${(stateBytes / 1000).toFixed(0)} KB`,
    };
    const rows = Object.entries(facts).map(([fact, value]) => ({ fact, value }));
    writeResults("facts", rows);
    writeResults("images", await imageLayers(images));
    await goRounds(tools, rounds);
    process.stdout.write(`\n${REPORT} has the figures of ${rounds} rounds\n`);
    showTargets(await writeReport());
  } finally {
    await cleanUp(tools, images);
    rmSync(folder, { recursive: true });
  }
}

await main(bench);
