/**
 * Commands that change a stage may be killed at any moment: the same command, given again, completes it, nothing is left over, and
 * no secret and no data are lost. Some commands build on the last deploy: while that is unfinished, they refuse, name make up, and
 * complete after it. `KILLS` in the environment sets how often, and `SEED` the moments.
 */
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS, KilledStage, SEED, inWords, killPoints } from "../e2e/support/killedStage.ts";
import { removeStage } from "../e2e/support/kills.ts";
import { makeCheckout } from "../e2e/support/shell.ts";
import { ownStage } from "../e2e/support/ownStage.ts";

const KILLS = Number(process.env.KILLS ?? 200);

describe(`a command that is killed, ${KILLS} times with SEED=${SEED}`, () => {
  const stage = ownStage("kills");
  let cwd: string;
  let killed: KilledStage;

  before(async () => {
    cwd = await makeCheckout();
    // A Gateway, because without one there is no canary.
    stage.writeFile(cwd, (config) => ({
      "todo-app:route": { ...config["todo-app:route"], kind: "gateway", className: "traefik" },
      "todo-app:canary": { minutes: 0 },
    }));
    // New sources, so that it is also killed while it builds images.
    const change = () => appendFileSync(join(cwd, "app/backend/app/main.py"), `# ${Date.now()}\n`);
    killed = new KilledStage(stage, cwd, { change, onceMore: true });
  });
  after(async () => {
    await removeStage(stage.name, cwd);
    rmSync(cwd, { recursive: true });
  });

  for (const [index, point] of killPoints(KILLS, COMMANDS).entries())
    it(`${index + 1}: ${inWords(point)}, completes when it is given again`, async () => {
      console.log(`      ${await killed.survives(point)}`);
    });
});
