/** `make up` may be killed at any point: the next one succeeds, with the data intact and no leftovers. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createMarker,
  freezeSession,
  killSession,
  noOrphans,
  removeStage,
  startMake,
} from "../support/kills.ts";
import { attempt, sh, withCheckout } from "../support/shell.ts";

describe("a make up that is killed", () => {
  const STAGE = "faults";
  const HOST = `${STAGE}.todo-app.local`;
  const UP = ["up", `STAGE=${STAGE}`];

  interface Kill {
    /** Whether what the engine has started in process groups of its own lives on. */
    readonly onlyGroup?: boolean;
    /** Runs before the kill, while all processes stand still. */
    readonly meanwhile?: () => Promise<void>;
  }

  /** Runs `make up` until its output shows `point`, then kills it. Returns its output. */
  const upKilledAt = (
    cwd: string,
    point: RegExp,
    { onlyGroup, meanwhile }: Kill = {},
  ): Promise<string> =>
    new Promise((resolve, reject) => {
      let output = "";
      let killed: Promise<void> | undefined;
      const child = startMake(UP, cwd);
      const pid = child.pid!;
      const kill = async () => {
        if (meanwhile) await freezeSession(pid).then(meanwhile);
      };
      for (const stream of [child.stdout, child.stderr])
        stream!.on("data", (chunk: Buffer) => {
          output += chunk.toString();
          if (point.test(output)) killed ??= kill().finally(() => killSession(pid, onlyGroup));
        });
      child.on("exit", () => {
        if (!killed) reject(new Error(`make up ended before ${point}:\n${output}`));
        else killed.then(() => resolve(output), reject);
      });
    });

  /** Kills `make up` at each of the points, one after the other, and lets the last run complete. */
  const survives = async (cwd: string, points: readonly RegExp[]) => {
    for (const [index, point] of points.entries())
      await upKilledAt(cwd, point, { onlyGroup: index % 2 === 1 });
    const output = await sh(`make ${UP.join(" ")}`, { cwd });
    assert.match(output, new RegExp(`${STAGE} is up: http://${HOST}$`));
    await sh(`pulumi preview --stack ${STAGE} --expect-no-changes`, { cwd });
    await noOrphans(STAGE, cwd);
  };

  /** Checks that a second deploy is refused while the first one runs, and does not touch its pending operations. */
  const isRefused = async (cwd: string) => {
    const { code, output } = await attempt(`node ops/up.ts ${STAGE}`, { cwd });
    assert.equal(code, 1);
    assert.match(
      output,
      /another deploy of faults is running \(\w+ on .*, process \d+, since .*\)\n +fix: wait/,
    );
  };

  it("is continued by the next one, from an empty cluster to a running app, and through a rollout", async () => {
    await withCheckout(async (cwd) => {
      const stageFile = readFileSync(join(cwd, "Pulumi.dev.yaml"), "utf8");
      writeFileSync(
        join(cwd, `Pulumi.${STAGE}.yaml`),
        stageFile.replace("host: todo-app.local", `host: ${HOST}`),
      );
      try {
        await survives(cwd, [
          /provider plugins/,
          /Namespace app creat/,
          /StatefulSet postgres creating/,
          /Job migration creating/,
          /Deployment backend creating/,
          /Deployment frontend creating/,
        ]);
        const markerIsServed = await createMarker(HOST);
        appendFileSync(join(cwd, "app/backend/app/main.py"), `# ${Date.now()}\n`);
        await sh(`pulumi config set --stack ${STAGE} --path todo-app:secretVersions.auth 2`, {
          cwd,
        });
        await upKilledAt(cwd, /Secret secrets-backend creat/);
        await upKilledAt(cwd, /Image backend-image updating/, { meanwhile: () => isRefused(cwd) });
        await survives(cwd, [
          /Job migration creating replacement/,
          /Deployment backend updating/,
          /Secret secrets-\w+ delet/,
        ]);
        await markerIsServed();
      } finally {
        await removeStage(STAGE, cwd);
      }
    });
  });
});
