/** Where the project keeps what it must not lose on this machine, such as states of stacks where no backend was chosen. */
import { homedir } from "node:os";
import { join } from "node:path";

export const stateFolder = () =>
  join(process.env.XDG_STATE_HOME ?? join(homedir(), ".local/state"), "todo-app");
