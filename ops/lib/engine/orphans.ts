/** Programs of a stack whose engine has ended without them. */
import { processes, type Process } from "../processes.ts";
import { ENGINE, LANGUAGE_HOST, POLICY_PACK, PROGRAM } from "./commandLines.ts";

const isHost = ({ line }: Process) => LANGUAGE_HOST.test(line);
const isEngine = ({ line }: Process) => ENGINE.test(line);

/**
 * Ends the programs of a stack that have lost their engine: its own, and the policy pack's. The engine runs them through its language
 * host or by itself, and ends them all. Where it was killed itself, they can live on: the stack's program takes a whole core and
 * ever more memory, the pack's 100 MB.
 *
 * @param stack without organisation and project
 * @param folder where the engine works, which is part of the command lines of its programs
 */
export async function endOrphans(stack: string, folder = process.cwd()): Promise<void> {
  const all = await processes();
  const parentOf = ({ parent }: Process) => all.find(({ pid }) => pid === parent);
  // An older engine has a script between itself and the pack.
  const hasEngine = (process: Process): boolean => {
    const parent = parentOf(process);
    return parent !== undefined && (isEngine(parent) || hasEngine(parent));
  };
  const isOfStack = ({ line }: Process) =>
    PROGRAM.test(line) &&
    [`--stack ${stack}`, `--pwd ${folder}`].every((option) => `${line} `.includes(` ${option} `));
  // Its command line names no stack. A pack whose engine is gone is of no use to any.
  const isOfPack = ({ line }: Process) =>
    POLICY_PACK.test(line) &&
    [`${folder}/policy`, `${folder}/policy/index.ts`].some((pack) =>
      `${line} `.includes(` ${pack} `),
    );
  const orphans = all
    .filter((process) => (isOfStack(process) || isOfPack(process)) && !hasEngine(process))
    .flatMap((program) => {
      const parent = parentOf(program);
      return parent && isHost(parent) ? [parent, program] : [program];
    });
  for (const { pid } of orphans)
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended by itself
    }
}
