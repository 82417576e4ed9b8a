/** Requests of a signed-in user through the route of the measured stage. */
import { authorization, signUp, type Account } from "../../test/e2e/support/api.ts";
import { underLoad, type Target } from "../../test/e2e/support/load.ts";
import { eventually } from "../../test/e2e/support/shell.ts";
import { STAGE } from "../stage.ts";
import type { Measured } from "./rows.ts";

/** Every stage of the local cluster is served at this address; the header names the stage. */
const ADDRESS = "todo-app.local";
const HOST = `${STAGE}.${ADDRESS}`;

/** What the user asks for, and how often. */
export interface Load {
  readonly targets: readonly Target[];
  readonly connections: number;
  readonly pauseMs: number;
}

const TASKS: Target = { method: "GET", path: "/api/tasks" };
const PAGE: Target = { method: "GET", path: "/" };

/** So much that a gap shows, and so little that the machine is free for what happens meanwhile. */
export const LIGHT: Load = { targets: [TASKS, PAGE], connections: 2, pauseMs: 50 };
export const FULL: Load = { targets: [TASKS, PAGE], connections: 8, pauseMs: 0 };
/** Takes two pods of the backend over 70 % of the CPU that they request. */
export const BUSY: Load = { targets: [TASKS], connections: 6, pauseMs: 50 };

/** Sends requests while `use` runs. A token is valid for minutes, and no scenario takes as long. */
export type WithLoad = (load: Load, use: () => Promise<void>) => Promise<Measured>;

/** Signs up a user of the stage. */
export async function newUser(): Promise<WithLoad> {
  let account: Account;
  await eventually(30, async () => {
    account = await signUp(HOST);
  });
  return async ({ targets, ...options }, use) => {
    const token = await authorization(account);
    const headers = { Host: HOST, Cookie: account.cookie, ...token };
    let seconds = 0;
    const timed = async () => {
      const begin = Date.now();
      await use();
      seconds = (Date.now() - begin) / 1000;
    };
    const outcome = await underLoad(ADDRESS, headers, targets, timed, options);
    return { seconds, outcome };
  };
}
