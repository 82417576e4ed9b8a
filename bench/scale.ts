/**
 * Measures how preview, up, memory and state grow with the number of copies of the app in one stack, and what as many stacks cost.
 * Writes bench/results/scale.csv, docs/performance.md and its chart.
 *
 * Usage: COPIES=1,10,50 node bench/scale.ts, with the settings of the local cluster
 */
import { main } from "../ops/lib/errors.ts";
import { requireLocalCluster } from "../test/e2e/support/localCluster.ts";
import { showTargets, writeReport, writeResults } from "./report/write.ts";
import { copiesWanted, measureScale } from "./scale/measureScale.ts";

await main(async () => {
  requireLocalCluster();
  await measureScale(copiesWanted(), (rows) => writeResults("scale", rows));
  showTargets(await writeReport());
});
