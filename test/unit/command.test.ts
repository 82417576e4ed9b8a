import assert from "node:assert/strict";
import { command } from "../../ops/lib/command.ts";
import { OperatorError } from "../../ops/lib/errors.ts";

const DESCRIPTION = {
  name: "greet",
  summary: "Greets somebody.",
  usage: ["<name>", "[<greeting>]"],
  example: "make greet NAME=you",
  options: { loud: "in capitals", low: "in small letters" },
  exclusive: ["loud", "low"],
} as const;

describe("a command", () => {
  let calls: unknown[];
  let said: string;
  let exitCode: unknown;
  const write = process.stderr.write.bind(process.stderr);
  /** Runs a command with this command line; returns its exit code and standard error. */
  const call = async (
    line: string[],
    run: (call: unknown) => void = (each) => calls.push(each),
  ) => {
    calls = [];
    said = "";
    process.stderr.write = (text: string | Uint8Array) => ((said += text.toString()), true);
    try {
      await command(DESCRIPTION, run, line);
    } finally {
      process.stderr.write = write;
      exitCode = process.exitCode;
      process.exitCode = undefined;
    }
  };

  it("gets its arguments, and whether each option was given", async () => {
    await call(["you", "--loud"]);
    assert.deepEqual(calls, [{ args: ["you"], options: { loud: true, low: false } }]);
    await call(["you", "hello"]);
    assert.deepEqual(calls, [{ args: ["you", "hello"], options: { loud: false, low: false } }]);
    assert.equal(exitCode, undefined);
  });

  for (const [line, problem] of [
    [[], "1 to 2 arguments are needed, and 0 were given"],
    [["a", "b", "c"], "1 to 2 arguments are needed, and 3 were given"],
    [["a", "--quiet"], "Unknown option '--quiet'"],
    [["a", "-l"], "Unknown option '-l'"],
    [["a", "--loud", "--low"], "only one of --loud and --low may be given"],
    [["a", "--loud=yes"], "Option '--loud' does not take an argument"],
  ] as const)
    it(`is not run by "${line.join(" ")}", which ends with 2 and the usage`, async () => {
      await call([...line]);
      assert.deepEqual([calls, exitCode], [[], 2]);
      assert.equal(
        said,
        `\nerror: ${problem}\n  usage: node ops/greet.ts <name> [<greeting>] [--loud] [--low] [--help]\n` +
          '  fix: call it as in "make greet NAME=you"; --help explains it\n',
      );
    });

  it("that fails ends with 1, and says what is wrong and how to fix it", async () => {
    await call(["you"], () => {
      throw new OperatorError("nobody is here", "come back");
    });
    assert.deepEqual([exitCode, said], [1, "\nerror: nobody is here\n  fix: come back\n"]);
  });
});
