/**
 * `make preview`: shows what a deploy would change, and changes nothing.
 *
 * Usage: node ops/preview.ts [<stage> [<stage file>]]
 */
import { main } from "./command.ts";
import { showDifference } from "./lib/difference.ts";
import { stageArgument } from "./stage.ts";

await main(() => showDifference(stageArgument(), "preview"));
