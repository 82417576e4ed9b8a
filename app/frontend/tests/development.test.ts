/** The program that takes sources for `next dev`, against a server that stands in for it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { afterEach, beforeEach, test } from "node:test";

let folder: string;
let program: ChildProcess;
let lines: Interface;
let status = 200;
const requested: string[] = [];
const server = createServer((request, response) => {
  requested.push(request.url!);
  response.writeHead(status).end();
});

const inPod = (path: string) => join(folder, "development/sources", path);

async function send(files: Readonly<Record<string, string>>): Promise<object> {
  const encoded = Object.entries(files).map(([path, text]) => [
    path,
    Buffer.from(text).toString("base64"),
  ]);
  program.stdin!.write(`${JSON.stringify({ id: "1", files: Object.fromEntries(encoded) })}\n`);
  const [line] = (await once(lines, "line")) as [string];
  return JSON.parse(line) as object;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "development-"));
  mkdirSync(join(folder, "source"));
  copyFileSync(join(import.meta.dirname, "../development.ts"), join(folder, "source/program.ts"));
  writeFileSync(join(folder, "source/package.json"), '{"type":"module"}');
  mkdirSync(inPod(".next"), { recursive: true });
  for (const path of [".next/state", "next-env.d.ts", "page.tsx", "old.ts"])
    writeFileSync(inPod(path), path);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  program = spawn(process.execPath, ["source/program.ts", "receive"], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
    stdio: ["pipe", "pipe", "inherit"],
  });
  lines = createInterface({ input: program.stdout! });
});

afterEach(async () => {
  program.stdin!.end();
  await once(program, "exit");
  server.close();
  rmSync(folder, { recursive: true });
});

test("it writes what differs and deletes what is not named, but nothing of Next.js", async () => {
  const answer = await send({ "page.tsx": "page.tsx", "lib/new.ts": "new" });
  assert.deepEqual(answer, { id: "1", changed: ["lib/new.ts", "old.ts"], outcome: "serves" });
  assert.equal(readFileSync(inPod("lib/new.ts"), "utf8"), "new");
  assert.equal(existsSync(inPod("old.ts")), false);
  for (const path of [".next/state", "next-env.d.ts"]) assert.ok(existsSync(inPod(path)), path);
  assert.deepEqual(requested.toSorted(), ["/", "/sign-in"]);
});

test("it says when a page fails, and when that is mended", async () => {
  status = 500;
  assert.deepEqual(await send({ "page.tsx": "(" }), {
    id: "1",
    changed: ["old.ts", "page.tsx"],
    outcome: "failed",
  });
  status = 307;
  const mended = { id: "1", changed: ["page.tsx"], outcome: "serves" };
  assert.deepEqual(await send({ "page.tsx": ")" }), mended);
});
