/** Programs of a stack whose engine has ended without them. */
import { processes, type Process } from "../processes.ts";

const isHost = ({ line }: Process) => line.includes("pulumi-language-nodejs");
const isEngine = ({ line }: Process) => /^(\S*\/)?pulumi /.test(line);

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
  const isOfStack = ({ line }: Process) =>
    /@pulumi\/pulumi\/cmd\/run\b/.test(line) &&
    [`--stack ${stack}`, `--pwd ${folder}`].every((option) => `${line} `.includes(` ${option} `));
  // Its command line names no stack. A pack whose engine is gone is of no use to any.
  const isOfPack = ({ line }: Process) => line.includes(` ${folder}/policy/index.ts 127.0.0.1:`);
  const orphans = all
    .filter((process) => isOfStack(process) || isOfPack(process))
    .flatMap((program) => {
      const parent = parentOf(program);
      const host = parent && isHost(parent) ? parent : undefined;
      const engine = host ? parentOf(host) : parent;
      if (engine && isEngine(engine)) return [];
      return host ? [host, program] : [program];
    });
  for (const { pid } of orphans)
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended by itself
    }
}
