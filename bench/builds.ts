/**
 * Measures how both images are built by the stack and by Docker's own commands. Writes bench/results/builds.csv and
 * docs/performance.md.
 *
 * Usage: node bench/builds.ts, with the settings of the local cluster
 */
import { main } from "../ops/lib/errors.ts";
import { requireLocalCluster } from "../test/e2e/support/localCluster.ts";
import { measureBuilds } from "./builds/measureBuilds.ts";
import { showTargets, writeReport, writeResults } from "./report/write.ts";

await main(async () => {
  requireLocalCluster();
  writeResults("builds", await measureBuilds());
  showTargets(await writeReport());
});
