/** What a command prints: results go to standard output, and progress to where the command lets it. */

/** Where progress goes. */
export let progress: NodeJS.WriteStream = process.stdout;

/** Sends all progress to standard error from now on, so that standard output carries nothing but JSON. */
export function reserveStdout(): void {
  progress = process.stderr;
}

/** Prints a value as JSON for a pipeline. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** The beginning of a text that is longer than `most` characters, with a sign that there is more. */
export const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most)}…` : text;
