/**
 * Fetches the official command line tool of Pulumi, or a provider plugin, and prints a line about that.
 *
 * Usage: node ops/lib/engine/fetchOfficial.ts cli <version>
 *        node ops/lib/engine/fetchOfficial.ts plugin <name> <version>
 *
 * Exit code: 0 fetched, 1 failed, 3 the site can't be reached. TODO_APP_PULUMI_SITE names a mirror of the site.
 */
import { SiteError, cli, fetchWith, folderOf, installScript, plugin } from "./official.ts";

const [what, ...args] = process.argv.slice(2) as ["cli" | "plugin", ...string[]];
const site = process.env.TODO_APP_PULUMI_SITE || "https://get.pulumi.com";
const begin = Date.now();

function end(outcome: string, exitCode: number): void {
  // A terminal has shown the progress below the title, so the outcome gets a line of its own.
  process.stdout.write(process.stdout.isTTY ? `  … ${outcome}\n` : `${outcome}\n`);
  process.exitCode = exitCode;
}

const title =
  what === "cli"
    ? `fetch the official Pulumi ${args[0]} into ${folderOf(args[0]!)}`
    : `fetch the official plugin ${args.join(" ")}`;
process.stdout.write(`  ${title} … ${process.stdout.isTTY ? "\n" : ""}`);
try {
  const script = await installScript(site);
  const problem = await fetchWith(
    what === "cli" ? cli(args[0]!, script) : plugin(args[0]!, args[1]!),
  );
  if (problem) end(`failed: ${problem}`, 1);
  else end(`${Math.round((Date.now() - begin) / 1000)} s`, 0);
} catch (error) {
  if (!(error instanceof SiteError)) throw error;
  end(`not possible: ${error.message}`, 3);
}
