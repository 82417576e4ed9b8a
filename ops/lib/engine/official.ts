/**
 * Fetches what Pulumi publishes: the command line tool and provider plugins. The site is asked first, so that a machine without
 * internet learns that within seconds. No download lasts for ever.
 */
import { spawn } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";

/** The site does not answer, or refuses: nothing can be fetched from it. */
export class SiteError extends Error {}

/**
 * The script that installs the command line tool, as the site publishes it.
 *
 * @param answerMs until when the site must have answered
 * @throws SiteError where it does not
 */
export async function installScript(site: string, answerMs = 5_000): Promise<string> {
  const refused = (why: string) => new SiteError(`${new URL(site).host} can't be reached: ${why}`);
  try {
    const answer = await fetch(`${site}/install.sh`, { signal: AbortSignal.timeout(answerMs) });
    if (!answer.ok) throw refused(`it answers ${answer.status} ${answer.statusText}`.trim());
    return await answer.text();
  } catch (error) {
    if (error instanceof SiteError) throw error;
    const { name, message, cause } = error as Error & { readonly cause?: NodeJS.ErrnoException };
    if (name === "TimeoutError") throw refused(`no answer within ${answerMs / 1000} s`);
    throw refused(cause?.message || cause?.code || message);
  }
}

/** The folder of the command line tool in a version. The Automation API and npm's `pulumi` use the same one. */
export const folderOf = (version: string) =>
  join(process.env.PULUMI_HOME || join(homedir(), ".pulumi"), "versions", version);

/** What is run to fetch something. */
export interface Command {
  readonly line: readonly [string, ...string[]];
  /** Its standard input. @default none */
  readonly input?: string;
}

/** Installs the command line tool. `PulumiCommand.install` of the Automation API runs the same, but shows nothing and has no time limit. */
export const cli = (version: string, script: string): Command => ({
  line: [
    ...(["/bin/sh", "-s", "--", "--no-edit-path"] as const),
    ...["--install-root", folderOf(version), "--version", version],
  ],
  input: script,
});

/** Installs a provider plugin. */
export const plugin = (name: string, version: string): Command => ({
  line: ["pulumi", "plugin", "install", "resource", name, version],
});

/**
 * Runs a command that fetches something. On a terminal, its own display of progress is seen.
 *
 * @param mostMs how long it may take; the default is enough for some 150 MB on a slow line
 * @returns why it failed; undefined where it did not
 */
export async function fetchWith(
  { line: [program, ...args], input }: Command,
  mostMs = 15 * 60_000,
): Promise<string | undefined> {
  const shown = process.stdout.isTTY ? "inherit" : "pipe";
  // In a process group of its own, so that the programs that it starts, such as curl, end with it.
  const child = spawn(program, args, { stdio: ["pipe", shown, shown], detached: true });
  const kill = () => child.pid && process.kill(-child.pid, "SIGKILL");
  const onSignal = (signal: NodeJS.Signals) => {
    kill();
    process.kill(process.pid, signal); // the caller must see that a signal has ended this process
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stdin?.on("error", () => {}); // a program that ended before it read everything says why
  child.stdin?.end(input);
  const ended = new Promise<string | undefined>((resolve) => {
    child.on("error", ({ message }) => resolve(message));
    child.on("close", (code) =>
      resolve(code === 0 ? undefined : said.trim().split("\n").at(-1) || `exit code ${code}`),
    );
  });
  const timer = setTimeout(kill, mostMs);
  const begin = Date.now();
  const problem = await ended;
  clearTimeout(timer);
  process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  return problem && Date.now() - begin >= mostMs ? `not done after ${mostMs / 1000} s` : problem;
}
