/** Daemons of this machine may be killed at any time: the next command brings them back, with the data intact. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createMarker, killSession } from "../support/kills.ts";
import { daemon, withServer } from "../support/machine.ts";
import { attempt, sh } from "../support/shell.ts";

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

describe("local/up, where another process has taken the port of the registry,", () => {
  it("names that process", async () => {
    await daemon("registry").kill();
    await withServer(
      5000,
      (_, response) => response.end(),
      async () => {
        const { code, output } = await attempt("local/up");
        assert.notEqual(code, 0, output);
        const inUse = `port 5000, which the image registry needs, is in use by .*process ${process.pid}`;
        assert.match(output, new RegExp(inUse));
        assert.match(output, /fix: .*stop that process/);
      },
    );
    await sh("make up");
  });
});
