/** What the program loads: docs/architecture.md says what may import what. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The project's files that are loaded with a file, itself included; `import()` counts for nothing, as it loads later. */
function loadedWith(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  if (!file.endsWith(".ts")) return found;
  // A statement ends at the first semicolon; one that begins with `import type` is left out when types are stripped.
  const statements = readFileSync(join(ROOT, file), "utf8").matchAll(
    /^(?:import|export)(?! type)\b[^;]*?from "(\.[^"]+)"/gm,
  );
  for (const [, target] of statements)
    loadedWith(relative(ROOT, join(ROOT, dirname(file), target!)), found);
  return found;
}

describe("the program", () => {
  const files = [...loadedWith("index.ts")];
  const folders = (list: readonly string[]) =>
    [...new Set(list.map((file) => file.split("/")[0]!))].sort();

  it("loads only itself, the configuration and the components", () => {
    assert.ok(files.length > 40, files.join(" "));
    assert.deepEqual(folders(files), ["components", "config", "index.ts"]);
  });

  it("loads preflight of ops/ only where the stage asks for it", () => {
    const program = readFileSync(join(ROOT, "index.ts"), "utf8");
    const later = [...program.matchAll(/\bimport\("\.\/([^"]+)"\)/g)].map(([, target]) => target!);
    assert.deepEqual(later, ["ops/lib/preflight/program.ts"]);
    assert.deepEqual(folders([...loadedWith(later[0]!)]), ["components", "config", "ops"]);
  });
});
