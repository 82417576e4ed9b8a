/** Runs commands of `ops/` in the process of the tests: Pulumi's SDK is loaded once, and not once per call. */
import { fileURLToPath } from "node:url";

interface Called {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Collects what is written to a stream. @returns a function that ends this and gives the text */
function capture(stream: NodeJS.WriteStream): () => string {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- put back as it was
  const { write } = stream;
  let text = "";
  stream.write = (chunk: string | Uint8Array) => {
    text += chunk.toString();
    return true;
  };
  return () => {
    stream.write = write;
    return text;
  };
}

let calls = 0;

/**
 * Runs `ops/<file>` as the program of a command line. Not for `--json`, which redirects progress for the rest of the process.
 *
 * @param cwd the folder in which it runs @default that of this process
 */
export async function callInProcess(
  file: string,
  args: readonly string[],
  cwd = process.cwd(),
): Promise<Called> {
  const program = new URL(`../../../ops/${file}`, import.meta.url);
  const { argv, exitCode } = process;
  const folder = process.cwd();
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  let code: number;
  try {
    process.argv = [process.execPath, fileURLToPath(program), ...args];
    process.exitCode = undefined;
    process.chdir(cwd);
    await import(`${program.href}?call-${calls++}`);
    // The compiler takes the value from above: it does not see that the program sets another one.
    const ended = process.exitCode as number | undefined;
    code = ended ?? 0;
  } finally {
    process.chdir(folder);
    Object.assign(process, { argv, exitCode });
    stdout();
    stderr();
  }
  return { code, stdout: stdout(), stderr: stderr() };
}
