/**
 * `make bench`: measures how images are built and the objects of a stage delivered by this project and by what people would use
 * instead, where the time of commands goes, how the deployed app runs, how costs grow with many copies of it, and how large the images are.
 * Writes bench/results/, docs/performance.md and its charts. Ends with exit code 1 where a target is missed.
 *
 * Usage: ROUNDS=7 COPIES=1,10 node bench/run.ts, with the settings of the local cluster, on which dev is deployed
 */
import { main } from "../ops/lib/errors.ts";
import { requireLocalCluster } from "../test/e2e/support/localCluster.ts";
import { measureBuilds } from "./builds/measureBuilds.ts";
import { measureDelivery, roundsWanted } from "./delivery/measureDelivery.ts";
import { imageLayers } from "./images.ts";
import type { Facts } from "./machine.ts";
import { measureProfile } from "./profile/measureProfile.ts";
import { REPORT } from "./report.ts";
import { showTargets, writeFacts, writeReport, writeResults } from "./report/write.ts";
import { copiesWanted, measureScale } from "./scale/measureScale.ts";
import { measureService } from "./service/measureService.ts";
import { imagesOfDev, type Images } from "./stage.ts";

const MINUTE = 60_000;

/** The minutes that something takes, with one decimal. */
async function minutesOf(use: () => Promise<unknown>): Promise<string> {
  const begin = Date.now();
  await use();
  return ((Date.now() - begin) / MINUTE).toFixed(1);
}

/** The parts in their order. @param note gets the facts of the delivery */
function partsOf(images: Images, note: (facts: Facts) => void) {
  const [rounds, copies] = [roundsWanted(), copiesWanted()];
  return {
    profile: async () => writeResults("profile", await measureProfile()),
    builds: async () => writeResults("builds", await measureBuilds()),
    "running app": async () => writeResults("service", await measureService(images)),
    copies: () => measureScale(copies, (rows) => writeResults("scale", rows)),
    images: async () => writeResults("images", await imageLayers(images)),
    delivery: async () => note(await measureDelivery(images, rounds)),
  };
}

async function bench(): Promise<void> {
  requireLocalCluster();
  let facts: Facts = {};
  const parts = partsOf(await imagesOfDev(), (found) => (facts = found));
  const minutes: Record<string, string> = {};
  minutes["all of make bench"] = await minutesOf(async () => {
    for (const [name, measure] of Object.entries(parts)) minutes[name] = await minutesOf(measure);
  });
  const taken = Object.entries(minutes).map(
    ([name, value]) => [`minutes: ${name}`, value] as const,
  );
  writeFacts({ ...facts, ...Object.fromEntries(taken) });
  const results = await writeReport();
  process.stdout.write(`\n${REPORT} has the figures\n\n`);
  for (const [what, value] of taken) process.stdout.write(`  ${what}: ${value}\n`);
  showTargets(results);
}

await main(bench);
