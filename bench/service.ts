/**
 * Measures the running app: how soon its pods are ready, how fast it answers, and how it takes failures, a bad release and load. Writes
 * bench/results/service.csv and docs/performance.md.
 *
 * Usage: node bench/service.ts, with the settings of the local cluster, on which dev is deployed
 */
import { main } from "../ops/lib/errors.ts";
import { requireLocalCluster } from "../test/e2e/support/localCluster.ts";
import { showTargets, writeReport, writeResults } from "./report/write.ts";
import { measureService } from "./service/measureService.ts";
import { imagesOfDev } from "./stage.ts";

await main(async () => {
  requireLocalCluster();
  writeResults("service", await measureService(await imagesOfDev()));
  showTargets(await writeReport());
});
