/**
 * Measures how the objects of a stage are delivered by this project and by what people would use instead. Writes
 * bench/results/delivery.csv, facts.csv, docs/performance.md and its charts.
 *
 * Usage: ROUNDS=7 node bench/delivery.ts, with the settings of the local cluster, on which dev is deployed
 */
import { main } from "../ops/lib/errors.ts";
import { requireLocalCluster } from "../test/e2e/support/localCluster.ts";
import { measureDelivery, roundsWanted } from "./delivery/measureDelivery.ts";
import { showTargets, writeReport } from "./report/write.ts";
import { imagesOfDev } from "./stage.ts";

await main(async () => {
  requireLocalCluster();
  const rounds = roundsWanted();
  await measureDelivery(await imagesOfDev(), rounds);
  showTargets(await writeReport());
});
