/** Asks the package registries of npm, Go and Python through their own clients, which work in copies of the files. */
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../run.ts";
import { NoAnswer } from "./pinsFile.ts";

/** Something pinned that moves to a newer version. */
export interface Move {
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

/** What changes after an answer. */
export interface Change {
  readonly moves: readonly Move[];
  /** New contents by path, relative to the project. @default none */
  readonly files?: Readonly<Record<string, string>>;
}

const read = (...path: string[]) => readFileSync(join(...path), "utf8");

/** Runs a client, which must succeed. @returns what it printed */
async function client(...command: [string, ...string[]]): Promise<string> {
  const { code, output, stdout } = await run(command);
  if (code === 0) return stdout;
  const lines = output.trim().split("\n");
  const reason = lines.find((line) => /error|disabled|lookup|refused/i.test(line)) ?? lines.at(-1);
  throw new NoAnswer(`${command[0]} says: ${reason}`);
}

/** Copies some files of a folder, works in the copy and removes it. */
async function inCopy<T>(
  folder: string,
  names: readonly string[],
  work: (copy: string) => Promise<T>,
): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), "update-pins-"));
  try {
    for (const name of names) cpSync(join(folder, name), join(copy, name), { recursive: true });
    return await work(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Applies a function to the version of each package that a package.json names. */
function withVersions(text: string, change: (name: string, version: string) => string): string {
  const manifest = JSON.parse(text) as Manifest;
  for (const group of [manifest.dependencies, manifest.devDependencies])
    for (const [name, version] of Object.entries(group ?? {})) group![name] = change(name, version);
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

const NPM = ["package.json", "package-lock.json"] as const;

/** The newest npm packages of a folder within their major versions. A new major version is moved to by hand. */
export function newestNpmPackages(project: string, folder: string): Promise<Change> {
  const source = join(project, folder);
  const files = [...NPM, ...readdirSync(source).filter((name) => name === ".npmrc")];
  return inCopy(source, files, async (copy) => {
    const options = ["--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"];
    const install = () =>
      client("npm", "--prefix", copy, "--fetch-retries=0", "install", ...options);
    const [before, lock] = NPM.map((name) => read(copy, name)) as [string, string];
    writeFileSync(
      join(copy, "package.json"),
      withVersions(before, (_, version) => `^${version}`),
    );
    rmSync(join(copy, "package-lock.json"));
    await install();
    const { packages } = JSON.parse(read(copy, "package-lock.json")) as {
      packages: Record<string, { version: string }>;
    };
    const moves: Move[] = [];
    const after = withVersions(before, (what, from) => {
      const to = packages[`node_modules/${what}`]!.version;
      if (to !== from) moves.push({ what, from, to });
      return to;
    });
    if (!moves.length) return { moves };
    // From the existing lock file, so that the dependencies of the named packages move only where they must.
    writeFileSync(join(copy, "package-lock.json"), lock);
    writeFileSync(join(copy, "package.json"), after);
    await install();
    const contents = NPM.map((name) => [join(folder, name), read(copy, name)] as const);
    return { moves, files: Object.fromEntries(contents) };
  });
}

type Go = (...args: string[]) => Promise<string>;

/** Moves a module with what it is compiled with. */
async function moveProgram(go: Go, module: string, version: string): Promise<void> {
  await go("get", `${module}@${version}`);
  await go("mod", "tidy");
}

/** Moves a module of which only files are taken, so that nothing it requires is looked at. */
async function moveFiles(go: Go, module: string, version: string): Promise<void> {
  await go("mod", "edit", `-require=${module}@${version}`);
  await go("mod", "download", module);
}

/** The newest versions of Go modules that a folder requires, and the checksums of what is taken from them. */
export function newestGoModules(
  project: string,
  folder: string,
  modules: readonly string[],
): Promise<Change> {
  const source = join(project, folder);
  return inCopy(source, readdirSync(source), async (copy) => {
    const go: Go = (...args) => client("go", "-C", copy, ...args);
    const isCompiled =
      /^tool /m.test(read(copy, "go.mod")) ||
      readdirSync(copy, { recursive: true }).some((name) => String(name).endsWith(".go"));
    const moves: Move[] = [];
    for (const what of modules) {
      const version = async (query = "") =>
        (await go("list", "-mod=mod", "-m", "-f", "{{.Version}}", what + query)).trim();
      const [from, to] = [await version(), await version("@upgrade")];
      if (from === to) continue;
      await (isCompiled ? moveProgram : moveFiles)(go, what, to);
      moves.push({ what, from, to });
    }
    if (!moves.length) return { moves };
    const files = ["go.mod", "go.sum"].map((name) => [`${folder}/${name}`, read(copy, name)]);
    return { moves, files: Object.fromEntries(files) as Record<string, string> };
  });
}

const REQUIREMENTS = "ops/requirements";

const versionsIn = (lock: string) =>
  new Map(
    Array.from(lock.matchAll(/^([\w.-]+)==([^\s;]+)/gm), ([, name, version]) => [name, version]),
  );

/** The differences between two versions of a lock file. */
function lockMoves(path: string, before: string, after: string): Move[] {
  const [from, to] = [versionsIn(before), versionsIn(after)];
  const moves = [...new Set([...from.keys(), ...to.keys()])]
    .map((name) => ({ what: name!, from: from.get(name) ?? "none", to: to.get(name) ?? "none" }))
    .filter((move) => move.from !== move.to);
  return moves.length ? moves : [{ what: path, from: "its files", to: "files that came later" }];
}

/** The newest Python tools, with the hashes of their files. */
export function newestPythonTools(project: string): Promise<Change> {
  const folder = join(project, REQUIREMENTS);
  return inCopy(folder, readdirSync(folder), async (copy) => {
    const sets = readdirSync(copy).flatMap((name) => /(.+)\.in$/.exec(name)?.[1] ?? []);
    const lock = join(project, "ops/lib/pins/python-lock.sh");
    await client(lock, ...sets.map((set) => join(copy, set)));
    const changed = sets
      .map((set) => `${set}.txt`)
      .filter((name) => read(folder, name) !== read(copy, name));
    const path = (name: string) => `${REQUIREMENTS}/${name}`;
    return {
      moves: changed.flatMap((name) => lockMoves(path(name), read(folder, name), read(copy, name))),
      files: Object.fromEntries(changed.map((name) => [path(name), read(copy, name)])),
    };
  });
}
