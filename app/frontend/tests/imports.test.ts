/** The modules of the frontend import each other without cycles; types count, too. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import ts from "typescript";

const ROOT = join(import.meta.dirname, "..");
const SKIPPED = ["node_modules", ".next", "next-env.d.ts"];
const MODULES = globSync("**/*.{ts,tsx}", { cwd: ROOT, exclude: (name) => SKIPPED.includes(name) });

/** The file that an import names, or undefined for a package or a style sheet. */
function resolve(specifier: string, importer: string): string | undefined {
  if (!/^(@\/|\.)/.test(specifier)) return undefined;
  const path = specifier.startsWith("@/") ? specifier.slice(2) : join(dirname(importer), specifier);
  return [path, `${path}.ts`, `${path}.tsx`].find(
    (file) => /\.tsx?$/.test(file) && existsSync(join(ROOT, file)),
  );
}

function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, file), "utf8"));
  return importedFiles
    .map(({ fileName }) => resolve(fileName, file))
    .filter((found) => found !== undefined);
}

/** The first cycle that can be reached from a file, as the path around it. */
function cycleFrom(
  file: string,
  graph: ReadonlyMap<string, readonly string[]>,
  finished: Set<string>,
  path: readonly string[] = [],
): string[] | undefined {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
  if (finished.has(file)) return undefined;
  for (const imported of graph.get(file) ?? []) {
    const cycle = cycleFrom(imported, graph, finished, [...path, file]);
    if (cycle) return cycle;
  }
  finished.add(file);
  return undefined;
}

test("no module imports itself through others", () => {
  const graph = new Map(MODULES.map((file) => [file, importsOf(file)]));
  assert.ok(graph.get("components/TaskBoard.tsx")?.includes("components/TaskEditor.tsx"));
  const finished = new Set<string>();
  for (const file of MODULES)
    assert.equal(cycleFrom(file, graph, finished)?.join(" -> "), undefined);
});
