/**
 * Measures where the processor time of `pulumi preview`, `make preview` and `make up` goes. Writes bench/results/profile.csv and
 * docs/performance.md.
 *
 * Usage: node bench/profile.ts, with the settings of the local cluster, on which dev is deployed
 */
import { main } from "../ops/lib/errors.ts";
import { requireLocalCluster } from "../test/e2e/support/localCluster.ts";
import { measureProfile } from "./profile/measureProfile.ts";
import { writeReport, writeResults } from "./report/write.ts";

await main(async () => {
  requireLocalCluster();
  writeResults("profile", await measureProfile());
  await writeReport();
});
