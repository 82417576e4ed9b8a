/*
 * Serves the pages from sources that change while it runs: the image's target `development`.
 *
 * `node development.ts` runs `next dev` on SOURCES, which begin as those of the image.
 *
 * `node development.ts receive` reads sources from standard input, one JSON object per line with
 * all of them: `{"id": "7", "files": {"app/page.tsx": "<base64>"}}`. It writes what differs,
 * deletes what is not named, requests pages so that they are compiled, and answers with a line:
 * `{"id": "7", "changed": ["app/page.tsx"], "outcome": "serves"}`, or "failed".
 */
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const IMAGE = import.meta.dirname;
const FOLDER = join(IMAGE, "../development");
const SOURCES = join(FOLDER, "sources");
/** What Next.js itself writes beside the sources. */
const OF_NEXT = [".next", "next-env.d.ts"];
/** The pages that are compiled after each change, with what they have in common with the others. */
const PAGES = ["/sign-in", "/"];
const PORT = process.env.PORT ?? "3000";
/** Until Next.js has noticed a change. */
const NOTICE_MS = 100;
/** How long an answer may take until the page is requested again: `next dev` may lose a request while it starts. */
const ANSWER_MS = 5_000;
/** How long all of that may take until it counts as failed. */
const PATIENCE_MS = 60_000;

function serve(): void {
  if (!existsSync(SOURCES)) {
    const copy = join(FOLDER, "copy");
    cpSync(IMAGE, copy, { recursive: true });
    renameSync(copy, SOURCES);
  }
  const next = createRequire(import.meta.url).resolve("next/dist/bin/next");
  const server = spawn(process.execPath, [next, "dev"], { cwd: SOURCES, stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => server.kill(signal));
  server.on("exit", (code) => process.exit(code ?? 0));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Makes SOURCES have these files and no others. Returns the paths that were changed. */
function update(files: Readonly<Record<string, string>>): string[] {
  const before = readdirSync(SOURCES, { withFileTypes: true })
    .filter(({ name }) => !OF_NEXT.includes(name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? filesBelow(join(SOURCES, entry.name)).map((path) => join(entry.name, path))
        : [entry.name],
    );
  const deleted = before.filter((path) => !(path in files));
  for (const path of deleted) rmSync(join(SOURCES, path));
  const changed = Object.entries(files).filter(([path, content]) => {
    const file = join(SOURCES, path);
    const data = Buffer.from(content, "base64");
    if (existsSync(file) && readFileSync(file).equals(data)) return false;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, data);
    return true;
  });
  return [...deleted, ...changed.map(([path]) => path)].sort();
}

async function request(page: string): Promise<number | undefined> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const url = `http://127.0.0.1:${PORT}${page}`;
    const answer = await fetch(url, { redirect: "manual", signal });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return undefined;
  }
}

/** Whether a page works, once the server answers: it starts anew after a change of its settings. */
async function works(page: string): Promise<boolean> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const status = await request(page);
    if (status !== undefined) return status < 500;
    await sleep(NOTICE_MS);
  }
  return false;
}

async function outcome(): Promise<"serves" | "failed"> {
  const working = await Promise.all(PAGES.map(works));
  return working.every(Boolean) ? "serves" : "failed";
}

async function receive(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, files } = JSON.parse(line) as { id: string; files: Record<string, string> };
    const changed = update(files);
    await sleep(NOTICE_MS);
    process.stdout.write(`${JSON.stringify({ id, changed, outcome: await outcome() })}\n`);
  }
}

if (process.argv[2] === "receive") await receive();
else serve();
