/** What the builds of `make bench` build, and how what they send to Docker is counted. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { builders } from "../../bench/builds/builders.ts";
import { dockerSocket, withCounter } from "../../bench/builds/sentBytes.ts";
import { changeFor, copyApp, withMark } from "../../bench/builds/sources.ts";
import { contentHash } from "../../components/buildContext.ts";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "todo-app-bench-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a measured build", () => {
  const read = (path: string) => readFileSync(join(folder, path), "utf8");

  it("has in its copy what the build of the app is sent, and nothing else", () => {
    copyApp(PROJECT, folder);
    for (const name of ["backend", "frontend"]) {
      const original = join(PROJECT, "app", name);
      assert.equal(contentHash(join(folder, name), []), contentHash(original, []));
    }
    assert.ok(!existsSync(join(folder, "frontend/node_modules")));
  });

  it("changes the lists of dependencies, or the sources, or neither", () => {
    copyApp(PROJECT, folder);
    const hashes = () => ["backend", "frontend"].map((name) => contentHash(join(folder, name), []));
    const files = ["backend/requirements.lock", "frontend/package.json"];
    const lists = () => files.map(read);
    const [atFirst, listsAtFirst] = [hashes(), lists()];
    changeFor("warm", folder, "one");
    assert.deepEqual(hashes(), atFirst);
    changeFor("source", folder, "two");
    assert.deepEqual(lists(), listsAtFirst);
    for (const [index, hash] of hashes().entries()) assert.notEqual(hash, atFirst[index]);
    changeFor("dependency", folder, "three");
    for (const list of lists()) assert.match(list, /three/);
    assert.equal((JSON.parse(read(files[1]!)) as { description: string }).description, "three");
  });

  it("has another mark in each stage of the Dockerfile when it is cold", () => {
    const dockerfile = "ARG BASE_IMAGE=a\nFROM ${BASE_IMAGE} AS one\nRUN b\nFROM one\nRUN c\n";
    assert.equal(
      withMark(dockerfile, "m"),
      "ARG BASE_IMAGE=a\nFROM ${BASE_IMAGE} AS one\nARG BUILD_MARK=m\nRUN b\nFROM one\nARG BUILD_MARK=m\nRUN c\n",
    );
  });

  it("is one of buildx only where Docker has it", async () => {
    const names = async (code: number) => {
      const start = () => Promise.resolve({ code, output: "", stdout: "" });
      const all = await builders((tag) => join(folder, tag), start);
      return all.map(({ name }) => name);
    };
    assert.deepEqual(await names(1), ["pulumi up", "docker build"]);
    assert.deepEqual(await names(0), ["pulumi up", "docker build", "docker buildx build --load"]);
  });
});

describe("what is sent to Docker", () => {
  /** Runs `use` beside a daemon that answers each connection, once the client has ended, with that many bytes. */
  async function withDaemon(answer: number, use: (socket: string) => Promise<void>) {
    const socket = join(folder, "daemon.sock");
    const daemon = createServer({ allowHalfOpen: true }, (client) => {
      client.resume().on("end", () => client.end(Buffer.alloc(answer)));
    });
    await new Promise<void>((resolve) => daemon.listen(socket, resolve));
    try {
      await use(socket);
    } finally {
      daemon.close();
    }
  }

  /** Sends that many bytes to a socket, and ends. @returns the number of bytes that came back */
  const send = (path: string, bytes: number) =>
    new Promise<number>((resolve, reject) => {
      let received = 0;
      const client = createConnection({ path, allowHalfOpen: true });
      client.on("data", (chunk) => (received += chunk.length));
      client.on("error", reject).on("close", () => resolve(received));
      client.end(Buffer.alloc(bytes));
    });

  it("is counted since the last look, and arrives with all of the answer", () =>
    withDaemon(3_000_000, (socket) =>
      withCounter(join(folder, "counter.sock"), socket, async ({ host, take }) => {
        assert.equal(host, `unix://${folder}/counter.sock`);
        assert.equal(take(), 0);
        assert.equal(await send(join(folder, "counter.sock"), 2_000_000), 3_000_000);
        await send(join(folder, "counter.sock"), 5);
        assert.equal(take(), 2_000_005);
        assert.equal(take(), 0);
      }),
    ));

  it("is counted at the socket that DOCKER_HOST names, and nowhere else", () => {
    assert.equal(dockerSocket("unix:///run/a.sock"), "/run/a.sock");
    assert.equal(dockerSocket(""), "/var/run/docker.sock");
    assert.throws(() => dockerSocket("tcp://a:2375"), /DOCKER_HOST is tcp:\/\/a:2375/);
  });
});
