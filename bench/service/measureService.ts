/** Deploys the measured stage, loads it, breaks parts of it, lets it grow, and writes down how long each of these took. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SERVICE_NAMES, type ServiceName } from "../../config/services.ts";
import { eventually } from "../../test/e2e/support/shell.ts";
import { FILE, make, removeStage, stageFile, type Images } from "../stage.ts";
import { BUSY, FULL, LIGHT, newUser, type Load, type WithLoad } from "./load.ts";
import { MISSING, secondsToTheError } from "./missingImage.ts";
import { areReady, kubectl, podsOf, rolledOut, secondsToReady } from "./pods.ts";
import { serviceRow, type Measured, type Scenario, type ServiceRow } from "./rows.ts";

const STEADY_MILLISECONDS = 12_000;
const PODS = 2;
const MORE_PODS = 4;

/** Writes the stage file. The autoscaler is there from the start, so that it has its metrics when it may make more pods. */
function writeStage(images: Images, maxReplicas: number): void {
  const autoscaling = { minReplicas: PODS, maxReplicas, targetCPUUtilization: 70 };
  const backend = { replicas: PODS, autoscaling };
  writeFileSync(FILE, stageFile(images, PODS, { "todo-app:backend": backend }));
}

/** Seconds that something takes. */
async function timed(use: () => Promise<unknown>): Promise<Measured> {
  const begin = Date.now();
  await use();
  return { seconds: (Date.now() - begin) / 1000 };
}

const steady = (withLoad: WithLoad, load: Load) =>
  withLoad(load, async () => {
    await sleep(STEADY_MILLISECONDS);
  });

const untilReady = (workload: ServiceName | "postgres", count: number) =>
  eventually(180, async () => {
    assert.ok(await areReady(workload, count), `${workload} has not ${count} ready pods`);
  });

/** Kills a pod, and waits until another one is ready in its place. */
async function killPod(service: ServiceName): Promise<void> {
  const [pod] = await podsOf(service);
  const { name } = pod!.metadata;
  await kubectl("delete", "pod", name, "--grace-period=0", "--force");
  await untilReady(service, PODS);
}

const rollOut = async () => {
  await kubectl("rollout", "restart", "deployment/backend", "deployment/frontend");
  await rolledOut();
};

/** Ends the database as a drained node does. Pods that have noticed its absence become ready again. */
const endDatabase = async () => {
  await kubectl("delete", "pod", "postgres-0");
  await untilReady("postgres", 1);
  await rolledOut();
};

/** Seconds until each of the pods was ready that a service has now. */
const readySeconds = async (service: ServiceName) => secondsToReady(await podsOf(service));

/** Writes down each scenario as soon as it is measured. */
type Note = (scenario: Scenario, measured: Measured) => void;

/** What happens to a stage of two pods each. */
async function measureFixed(withLoad: WithLoad, note: Note): Promise<void> {
  const first = await Promise.all(SERVICE_NAMES.map(readySeconds));
  note("light load", await steady(withLoad, LIGHT));
  note("full load", await steady(withLoad, FULL));
  note("rollout", await withLoad(LIGHT, rollOut));
  const second = await Promise.all(SERVICE_NAMES.map(readySeconds));
  for (const [index, service] of SERVICE_NAMES.entries()) {
    note(`${service} ready`, { seconds: Math.max(...first[index]!, ...second[index]!) });
    note(`${service} killed`, await withLoad(LIGHT, () => killPod(service)));
  }
  note("database ended", await withLoad(LIGHT, endDatabase));
}

/** A release that can't work, then one that may have four pods, and load for them. */
async function measureChanges(images: Images, withLoad: WithLoad, note: Note): Promise<void> {
  const missing = images.frontend!.replace(/@.*$/, `@${MISSING}`);
  writeStage({ ...images, frontend: missing }, PODS);
  note("missing image", { seconds: await secondsToTheError() });
  writeStage(images, MORE_PODS);
  await make("up");
  note("2 to 4 pods", await withLoad(BUSY, () => untilReady("backend", MORE_PODS)));
}

/** Measures the running app in a stage that is removed afterwards. @param images that are deployed; they exist */
export async function measureService(images: Images): Promise<readonly ServiceRow[]> {
  const rows: ServiceRow[] = [];
  const note: Note = (scenario, measured) => {
    process.stdout.write(`  ${scenario}: ${measured.seconds.toFixed(1)} s\n`);
    for (const failure of measured.outcome?.failures.slice(0, 5) ?? [])
      process.stdout.write(`    ${failure}\n`);
    rows.push(serviceRow(scenario, measured));
  };
  await removeStage(images);
  try {
    writeStage(images, PODS);
    note("deploy", await timed(() => make("up")));
    const withLoad = await newUser();
    await measureFixed(withLoad, note);
    await measureChanges(images, withLoad, note);
    return rows;
  } finally {
    await removeStage(images);
  }
}
