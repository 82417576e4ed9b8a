/** Programs of a stack whose engine has ended without them. */
import { processes, type Process } from "../processes.ts";

const isHost = ({ line }: Process) => line.includes("pulumi-language-nodejs");
const isEngine = ({ line }: Process) => /^(\S*\/)?pulumi /.test(line);

/**
 * Ends the programs of a stack that have lost their engine. The engine runs them through its language host, and ends both. Where it
 * was killed itself, both can live on: the program takes a whole core and ever more memory.
 *
 * @param stack without organisation and project
 * @param folder where the engine works, which is part of the command line of its program
 */
export async function endOrphans(stack: string, folder = process.cwd()): Promise<void> {
  const all = await processes();
  const parentOf = ({ parent }: Process) => all.find(({ pid }) => pid === parent);
  const isOfStack = ({ line }: Process) =>
    /@pulumi\/pulumi\/cmd\/run\b/.test(line) &&
    [`--stack ${stack}`, `--pwd ${folder}`].every((option) => `${line} `.includes(` ${option} `));
  const orphans = all.filter(isOfStack).flatMap((program) => {
    const host = parentOf(program);
    if (!host || !isHost(host)) return [program];
    const engine = parentOf(host);
    return engine && isEngine(engine) ? [] : [host, program];
  });
  for (const { pid } of orphans)
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended by itself
    }
}
