/** Any part may be killed at any point: the next `make up` succeeds, with the data intact and no leftovers. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createMarker,
  freezeSession,
  killSession,
  noOrphans,
  removeStage,
  startMake,
} from "./support/kills.ts";
import { daemon } from "./support/machine.ts";
import { attempt, sh, withCheckout } from "./support/shell.ts";

/** Daemons that are killed together. Those of the cluster are killed one by one in cluster.sh. */
const DAEMONS = {
  Docker: ["dockerd"],
  "the image registry": ["registry"],
  "the control plane": ["etcd", "kube-apiserver"],
  "the runtime of a node and the kubelet of another": [
    "todo-node1-containerd",
    "todo-node2-kubelet",
  ],
};

const onlyUnchanged = /Resources:\n +\d+ unchanged\n/;

describe("make up after kill -9 of", () => {
  let markerIsServed: () => Promise<void>;
  const kill = (names: readonly string[]) => Promise.all(names.map((name) => daemon(name).kill()));
  const all = Object.values(DAEMONS).flat();
  const comesBack = async () => {
    const output = await sh("make up");
    assert.match(output, onlyUnchanged);
    await markerIsServed();
  };

  before(async () => {
    await sh("make up");
    markerIsServed = await createMarker("todo-app.local");
  });

  for (const [title, names] of Object.entries(DAEMONS))
    it(`${title}: brings it back, and changes nothing`, async () => {
      await kill(names);
      await comesBack();
      for (const name of names) assert.ok(daemon(name).runs(), name);
    });

  it("all of them at once: brings them back, and changes nothing", async () => {
    await kill(all);
    await comesBack();
  });

  it("local/up, while it starts what is missing: completes it", async () => {
    await kill(all);
    for (const seconds of [0.5, 1, 3]) {
      const run = spawn("local/up", { detached: true, stdio: "ignore" });
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      await killSession(run.pid!);
    }
    await comesBack();
  });
});

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
