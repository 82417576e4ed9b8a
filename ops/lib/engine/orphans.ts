/** Programs of a stack whose engine has ended without them. */
import { processes, type Process } from "../processes.ts";

/**
 * Ends the programs of a stack that have lost their engine. The engine runs them through its language host, and ends both. Where it
 * was killed itself, a program can live on, and takes a whole core and ever more memory.
 *
 * @param stack without organisation and project
 * @param folder where the engine works, which is part of the command line of its program
 */
export async function endOrphans(stack: string, folder = process.cwd()): Promise<void> {
  const all = await processes();
  const isHosted = ({ parent }: Process) =>
    all.some(({ pid, line }) => pid === parent && line.includes("pulumi-language-nodejs"));
  const isOfStack = ({ line }: Process) =>
    /@pulumi\/pulumi\/cmd\/run\b/.test(line) &&
    [`--stack ${stack}`, `--pwd ${folder}`].every((option) => `${line} `.includes(` ${option} `));
  for (const each of all.filter(isOfStack).filter((found) => !isHosted(found)))
    try {
      process.kill(Number(each.pid), "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended by itself
    }
}
