/**
 * `make update-pins`: moves everything that is pinned to its newest version. A source that gives no answer keeps its pin.
 * Files are written once every source has answered or failed to.
 */
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "./lib/command.ts";
import {
  newestGoModules,
  newestNpmPackages,
  newestPythonTools,
  type Change,
  type Move,
} from "./lib/pins/packages.ts";
import { NoAnswer, readPins, type Pins } from "./lib/pins/pinsFile.ts";
import { digestOf } from "./lib/pins/registry.ts";
import { newestManifest } from "./lib/pins/releases.ts";

/** Where the newest version of something pinned is asked for. */
interface Source {
  readonly name: string;
  /** Returns what moves. A pin of config/pins.json is changed in the object that was read from it. */
  readonly ask: () => Promise<Change>;
}

/** A source that gave no answer. */
interface Silence {
  readonly name: string;
  readonly reason: string;
}

const short = (digest: string | undefined) => digest?.slice(0, "sha256:".length + 12) ?? "none";

function imageSources({ images }: Pins): Source[] {
  return Object.values(images).map((pin) => ({
    name: pin.name,
    ask: async () => {
      const [from, to] = [pin.digest, await digestOf(pin.name)];
      pin.digest = to;
      return { moves: from === to ? [] : [{ what: pin.name, from: short(from), to: short(to) }] };
    },
  }));
}

function manifestSources({ manifests }: Pins): Source[] {
  return Object.entries(manifests).map(([name, pin]) => ({
    name,
    ask: async () => {
      const from = pin.version;
      Object.assign(pin, await newestManifest(pin));
      return { moves: from === pin.version ? [] : [{ what: name, from, to: pin.version }] };
    },
  }));
}

/** The folders with a package.json, by what their packages are. */
const NPM_FOLDERS = { "npm packages": ".", "npm packages of make bench": "bench/modules/cdk8s" };

function packageSources(project: string, { goModules }: Pins): Source[] {
  const has = (name: string) => existsSync(join(project, name));
  return [
    ...Object.entries(NPM_FOLDERS)
      .filter(([, folder]) => has(join(folder, "package.json")))
      .map(([name, folder]) => ({ name, ask: () => newestNpmPackages(project, folder) })),
    ...[...new Set(Object.values(goModules))].map((folder) => {
      const modules = Object.keys(goModules).filter((name) => goModules[name] === folder);
      return {
        name: modules.join(" and "),
        ask: () => newestGoModules(project, folder, modules),
      };
    }),
    ...(has("ops/requirements")
      ? [{ name: "Python tools", ask: () => newestPythonTools(project) }]
      : []),
  ];
}

/** Asks a source. @returns its answer, or why it gave none */
async function answerOf({ name, ask }: Source): Promise<Change | Silence> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return { name, reason: error.message };
  }
}

/** Writes every file in full beside its place, and moves all into place after that. */
function write(project: string, files: Readonly<Record<string, string>>): void {
  const paths = Object.keys(files).map((path) => join(project, path));
  for (const [index, content] of Object.values(files).entries())
    writeFileSync(`${paths[index]}.new`, content);
  for (const path of paths) renameSync(`${path}.new`, path);
}

/** Says what moved, what is held and which sources gave no answer. */
function report({ manifests }: Pins, moves: readonly Move[], silent: readonly Silence[]): void {
  for (const { what, from, to } of moves) process.stdout.write(`  ${what}: ${from} → ${to}\n`);
  for (const [name, { held, version }] of Object.entries(manifests))
    if (held) process.stdout.write(`  ${name} is held at ${version}: ${held}\n`);
  for (const { name, reason } of silent)
    process.stderr.write(`  no answer about ${name}, whose pin stays: ${reason}\n`);
}

async function updatePins(project: string): Promise<void> {
  const pins = readPins(join(project, "config/pins.json"));
  const before = JSON.stringify(pins);
  const sources = [
    ...imageSources(pins),
    ...manifestSources(pins),
    ...packageSources(project, pins),
  ];
  const answers = await Promise.all(sources.map(answerOf));
  const changes = answers.filter((answer) => "moves" in answer);
  const silent = answers.filter((answer) => "reason" in answer);
  const changed = JSON.stringify(pins) !== before;
  write(project, {
    ...Object.fromEntries(changes.flatMap(({ files }) => Object.entries(files ?? {}))),
    ...(changed && { "config/pins.json": `${JSON.stringify(pins, null, 2)}\n` }),
  });
  const moves = changes.flatMap((change) => change.moves);
  report(pins, moves, silent);
  process.stdout.write(
    `${moves.length} moved, ${silent.length} of ${sources.length} sources gave no answer\n`,
  );
  if (moves.length)
    process.stdout.write(
      "next: make golden, read git diff, make test, commit; make up deploys it\n",
    );
  if (silent.length) process.exitCode = 1;
}

await command(
  {
    name: "update-pins",
    summary:
      "Moves base images, manifests, the engine, the SDKs and the tools to their newest versions, and prints what moved. A " +
      "source that gives no answer keeps its pin and is named, and the command ends with 1; what the others answered is written.",
    usage: ["[<project folder>]"],
    example: "make update-pins",
  },
  ({ args: [project = "."] }) => updatePins(project),
);
