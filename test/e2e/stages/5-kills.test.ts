/**
 * Commands that change a stage, killed at random moments. Each is given again, and completes, or make up does where it refuses to build
 * on a deploy that was killed. Nothing is left over, and no secret and no data are lost. `SEED` in the environment sets the moments.
 * `make soak` does it far more often, with new sources; here, stages side by side go from nothing to nothing again, without a build.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { processes } from "../../../ops/lib/processes.ts";
import {
  COMMANDS,
  KilledStage,
  SEED,
  inWords,
  killPoints,
  type KillPoint,
} from "../support/killedStage.ts";
import { removeStage } from "../support/kills.ts";
import { ownStage } from "../support/ownStage.ts";
import { eventually, makeCheckout } from "../support/shell.ts";

const STAGES = ["kills1", "kills2"].map(ownStage);
/** One rotation stands for both. */
const OWN_COMMANDS = COMMANDS.filter(({ args }) => !args.includes("SECRET=databasePassword"));

describe(`a command that is killed, with SEED=${SEED}`, () => {
  const points = STAGES.map(() => killPoints(OWN_COMMANDS.length, OWN_COMMANDS));
  /** How it goes at each of the points of each stage. */
  let outcomes: readonly (readonly Promise<string>[])[] = [];
  let cwd: string;

  /** Kills the commands of one stage, one after the other. */
  function begin(stage: (typeof STAGES)[number], own: readonly KillPoint[]) {
    const small = { replicas: 1 };
    const values = { "todo-app:backend": small, "todo-app:frontend": small };
    // A Gateway, because without one there is no canary.
    stage.writeFile(cwd, (config) => ({
      ...values,
      "todo-app:route": { ...config["todo-app:route"], kind: "gateway", className: "traefik" },
      "todo-app:canary": { minutes: 0 },
    }));
    return new KilledStage(stage, cwd, { change: () => changeSetting(stage.name) }).begin(own);
  }

  /** Changes a setting that replaces a ConfigMap and rolls out one service. */
  function changeSetting(stage: string): void {
    const file = join(cwd, `Pulumi.${stage}.yaml`);
    const content = parse(readFileSync(file, "utf8"));
    const route = content.config["todo-app:route"];
    route.trustedProxies = ((route.trustedProxies ?? 1) % 9) + 1;
    writeFileSync(file, stringify(content));
  }

  before(async () => {
    cwd = await makeCheckout();
    outcomes = STAGES.map((stage, index) => begin(stage, points[index]!));
  });
  after(async () => {
    await Promise.allSettled(outcomes.flat());
    await Promise.all(STAGES.map(({ name }) => removeStage(name, cwd)));
    rmSync(cwd, { recursive: true });
  });

  for (const [index, stage] of STAGES.entries())
    for (const [number, point] of points[index]!.entries())
      it(`${stage.name}, ${number + 1}: ${inWords(point)}, completes when it is given again`, async () => {
        console.log(`      ${await outcomes[index]![number]!}`);
      });

  it("leaves no program of a stack and no policy pack behind", async () => {
    await Promise.allSettled(outcomes.flat());
    await eventually(10, async () => {
      const left = (await processes()).filter(({ line }) => line.includes(cwd));
      assert.deepEqual(left, []);
    });
  });
});
