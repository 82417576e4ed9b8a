/** The command line of an operator's command: its arguments, its options, `--help` and the exit codes. */
import { parseArgs } from "node:util";
import { main } from "./errors.ts";
import { reserveStdout } from "./output.ts";

/** How a command is called, and what it is for. */
interface Description<Option extends string> {
  /** The name of its file in `ops/`, without the extension. */
  readonly name: string;
  /** One paragraph that says what it is for. */
  readonly summary: string;
  /** Its arguments in order. One in brackets may be left out, such as `[<stage>]`. @default none */
  readonly usage?: readonly string[];
  /** A command line that operators can copy. */
  readonly example: string;
  /** What each of its options does. An option takes no value. @default none but `--help` */
  readonly options?: Readonly<Record<Option, string>>;
  /** Options of which at most one may be given. @default none */
  readonly exclusive?: readonly NoInfer<Option>[];
  /** What its exit codes mean. @default 0 done, 1 failed, 2 wrong usage */
  readonly exitCodes?: string;
}

/** What a command was called with. */
interface Call<Option extends string> {
  readonly args: readonly string[];
  /** Whether each option was given. */
  readonly options: Readonly<Record<Option, boolean>>;
}

const EXIT_CODES = "0 done, 1 failed, 2 wrong usage";

function optionsOf({ options = {} }: Description<string>): Readonly<Record<string, string>> {
  return { ...options, help: "show this help" };
}

function usageOf(description: Description<string>): string {
  const options = Object.keys(optionsOf(description)).map((option) => `[--${option}]`);
  const words = [`ops/${description.name}.ts`, ...(description.usage ?? []), ...options];
  return `usage: node ${words.join(" ")}`;
}

/** Operators call the commands through make, which takes no options of theirs. */
const throughMake = ({ options = {} }: Description<string>) =>
  Object.keys(options).map((option) => `through make: ARGS=--${option}`);

function helpOf(description: Description<string>): string {
  const options = Object.entries(optionsOf(description));
  const width = Math.max(...options.map(([option]) => option.length));
  return [
    description.summary,
    "",
    usageOf(description),
    ...options.map(([option, meaning]) => `  --${option.padEnd(width)}  ${meaning}`),
    ...throughMake(description),
    `example: ${description.example}`,
    `exit code: ${description.exitCodes ?? EXIT_CODES}`,
    "",
  ].join("\n");
}

/** What is wrong with the number of arguments; undefined where it is right. */
function miscount({ usage = [] }: Description<string>, count: number): string | undefined {
  const most = usage.length;
  const least = usage.filter((argument) => !argument.startsWith("[")).length;
  if (count >= least && count <= most) return undefined;
  const allowed = least === most ? `${most}` : `${least} to ${most}`;
  return `${allowed} arguments are needed, and ${count} were given`;
}

/** What is wrong with the options; undefined where nothing is. */
function conflict(
  { exclusive = [] }: Description<string>,
  values: Readonly<Record<string, unknown>>,
): string | undefined {
  const given = exclusive.filter((option) => values[option]).map((option) => `--${option}`);
  return given.length > 1 ? `only one of ${given.join(" and ")} may be given` : undefined;
}

/** Reads the command line. @returns what it says, or what is wrong with it */
function read(description: Description<string>, args: string[]) {
  const names = Object.keys(optionsOf(description));
  const options = Object.fromEntries(names.map((name) => [name, { type: "boolean" as const }]));
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const problem = values.help
      ? undefined
      : (miscount(description, positionals.length) ?? conflict(description, values));
    return problem ?? { values, args: positionals };
  } catch (error) {
    // Only the first sentence: the others are about arguments that begin with a dash.
    return (error as Error).message.split(". ")[0]!;
  }
}

function refuse(description: Description<string>, problem: string): void {
  process.stderr.write(
    `\nerror: ${problem}\n  ${usageOf(description)}\n` +
      `  fix: call it as in "${description.example}"; --help explains it\n`,
  );
  process.exitCode = 2;
}

/**
 * Runs a command of `ops/` with what the command line says. With an option `json`, standard output is reserved for JSON.
 *
 * @param line the command line without the program @default that of this process
 */
export async function command<Option extends string = never>(
  description: Description<Option>,
  run: (call: Call<Option>) => Promise<void> | void,
  line: string[] = process.argv.slice(2),
): Promise<void> {
  const call = read(description, line);
  if (typeof call === "string") {
    refuse(description, call);
    return;
  }
  const { args, values } = call;
  if (values.help) {
    process.stdout.write(helpOf(description));
    return;
  }
  const names = Object.keys(description.options ?? {}) as Option[];
  const given = names.map((name) => [name, values[name] === true] as const);
  if (values.json) reserveStdout();
  await main(() => run({ args, options: Object.fromEntries(given) as Record<Option, boolean> }));
}
