/** A program or a policy pack that its engine has left behind is ended; one that an engine still runs is not. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { endOrphans } from "../../ops/lib/engine/orphans.ts";

const FOLDER = "/nowhere/todo-app";
const program = (stack: string, folder = FOLDER) =>
  `sleep 60; : /x/node_modules/@pulumi/pulumi/cmd/run/index.js --project todo-app --stack ${stack} --pwd ${folder} --parallel 8`;

describe("a program of a stack", () => {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const { pid } of started.splice(0)) process.kill(-pid!, "SIGKILL");
  });

  /** Starts a process with that command line, in a group of its own. */
  async function start(line: string, name = "bash", PROGRAM = ""): Promise<ChildProcess> {
    const env = { ...process.env, PROGRAM };
    const options = { argv0: name, env, detached: true, stdio: "ignore" } as const;
    const child = spawn("bash", ["-c", line], options);
    started.push(child);
    await once(child, "spawn");
    await sleep(200);
    return child;
  }
  const isAlive = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && !signalCode;

  it("is ended where its engine is gone, with those of no other stack and folder", async () => {
    const orphan = await start(program("qa"));
    const others = [
      await start(program("qa-2")),
      await start(program("dev")),
      await start(program("qa", "/nowhere/todo-app-2")),
    ];
    const ended = once(orphan, "exit");
    await endOrphans("qa", FOLDER);
    assert.deepEqual(await ended, [null, "SIGKILL"]);
    assert.ok(others.every(isAlive));
  });

  /** A language host that runs a program. */
  const HOST = "exec -a pulumi-language-nodejs bash -c 'bash -c \"$PROGRAM\" & wait'";

  it("is left alone while the engine runs it through its language host", async () => {
    const engine = await start(`(${HOST}) & wait`, "pulumi", program("qa"));
    const ended = once(engine, "exit").then(() => "ended");
    await endOrphans("qa", FOLDER);
    assert.equal(await Promise.race([ended, sleep(500, "runs")]), "runs");
  });

  it("is ended with its language host where only the engine is gone", async () => {
    const host = await start(HOST, "bash", program("qa"));
    const ended = once(host, "exit");
    await endOrphans("qa", FOLDER);
    assert.deepEqual(await ended, [null, "SIGKILL"]);
  });

  describe("and that of its policy pack", () => {
    const pack = (folder = FOLDER) => `sleep 60; : node ${folder}/policy/index.ts 127.0.0.1:41234`;

    it("is ended where its engine is gone, with that of no other folder, and with no editor", async () => {
      const orphan = await start(pack());
      const others = [
        await start(pack("/nowhere/todo-app-2")),
        await start(`sleep 60; : vi ${FOLDER}/policy/index.ts`),
      ];
      const ended = once(orphan, "exit");
      await endOrphans("qa", FOLDER);
      assert.deepEqual(await ended, [null, "SIGKILL"]);
      assert.ok(others.every(isAlive));
    });

    it("is ended also where the SDK runs it, as an older engine has it", async () => {
      const orphan = await start(
        `sleep 60; : node /x/node_modules/@pulumi/pulumi/cmd/run-policy-pack 127.0.0.1:41234 ${FOLDER}/policy`,
      );
      const ended = once(orphan, "exit");
      await endOrphans("qa", FOLDER);
      assert.deepEqual(await ended, [null, "SIGKILL"]);
    });

    it("is left alone while an older engine runs it through a script", async () => {
      const script = '(bash -c "$PROGRAM" & wait) & wait';
      const engine = await start(`(${script}) & wait`, "pulumi", pack());
      const ended = once(engine, "exit").then(() => "ended");
      await endOrphans("qa", FOLDER);
      assert.equal(await Promise.race([ended, sleep(500, "runs")]), "runs");
    });

    it("is left alone while an engine runs it, whichever stack that is of", async () => {
      const engine = await start('bash -c "$PROGRAM" & wait', "pulumi", pack());
      const ended = once(engine, "exit").then(() => "ended");
      await endOrphans("qa", FOLDER);
      assert.equal(await Promise.race([ended, sleep(500, "runs")]), "runs");
    });
  });
});
