/**
 * Commands that change a stage may be killed at any moment: the same command, given again, completes it, nothing is left over, and
 * no secret and no data are lost. Some commands build on the last deploy: while that is unfinished, they refuse, name make up, and
 * complete after it. `KILLS` in the environment sets how often, and `SEED` the moments.
 */
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  COMMANDS,
  KilledStage,
  SEED,
  inWords,
  killPoints,
  type KillPoint,
} from "../e2e/support/killedStage.ts";
import { removeStage } from "../e2e/support/kills.ts";
import { makeCheckout } from "../e2e/support/shell.ts";
import { ownStage } from "../e2e/support/ownStage.ts";

const KILLS = Number(process.env.KILLS ?? 200);
/** Side by side, each in a checkout of its own, as a command waits now and then. */
const STAGES = ["soak-kills1", "soak-kills2", "soak-kills3"].map(ownStage);

describe(`a command that is killed, ${KILLS} times with SEED=${SEED}`, () => {
  const points = STAGES.map((_, index) =>
    killPoints(Math.floor((KILLS + index) / STAGES.length), COMMANDS),
  );
  const checkouts: string[] = [];
  /** How it goes at each of the points of each stage. */
  const outcomes: (readonly Promise<string>[])[] = [];

  /** Kills the commands of one stage, one after the other. */
  function begin(stage: (typeof STAGES)[number], cwd: string, own: readonly KillPoint[]) {
    // A Gateway, because without one there is no canary.
    stage.writeFile(cwd, (config) => ({
      "todo-app:route": { ...config["todo-app:route"], kind: "gateway", className: "traefik" },
      "todo-app:canary": { minutes: 0 },
    }));
    // New sources, so that it is also killed while it builds images.
    const change = () => appendFileSync(join(cwd, "app/backend/app/main.py"), `# ${Date.now()}\n`);
    return new KilledStage(stage, cwd, { change, onceMore: true }).begin(own);
  }

  before(async () => {
    for (const [index, stage] of STAGES.entries()) {
      checkouts.push(await makeCheckout());
      outcomes.push(begin(stage, checkouts[index]!, points[index]!));
    }
  });
  after(async () => {
    await Promise.allSettled(outcomes.flat());
    for (const [index, cwd] of checkouts.entries()) {
      await removeStage(STAGES[index]!.name, cwd);
      rmSync(cwd, { recursive: true });
    }
  });

  for (const [index, stage] of STAGES.entries())
    for (const [number, point] of points[index]!.entries())
      it(`${stage.name}, ${number + 1}: ${inWords(point)}, completes when it is given again`, async () => {
        console.log(`      ${await outcomes[index]![number]!}`);
      });
});
