/** docs/registry.md: the settings that it has for each registry are accepted, and its sections are those that errors name. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { effectiveConfig } from "../../ops/lib/stage.ts";

const DOCS = readFileSync(
  fileURLToPath(new URL("../../docs/registry.md", import.meta.url)),
  "utf8",
);

describe("docs/registry.md", () => {
  it("has settings that a stage file may have", () => {
    const blocks = [...DOCS.matchAll(/```yaml\n([^]*?)```/g)].map(([, block]) => parse(block!));
    assert.ok(blocks.length >= 8);
    for (const block of blocks) {
      const images = { registry: "ghcr.io", ...block["todo-app:images"] };
      const stage = { "todo-app:kubernetesContext": "qa", "todo-app:host": "todo-app.com" };
      const config = effectiveConfig("qa", { ...stage, ...block, "todo-app:images": images });
      assert.ok(config, JSON.stringify(block));
    }
  });

  it("has a section for each registry of its table, and those that errors and findings name", () => {
    const [table] = /\| registry [^]*?\n\n/.exec(DOCS)!;
    const sections = [...table.matchAll(/^\| \[([^\]]+)\]/gm)].map(([, name]) => name);
    assert.equal(sections.length, 6);
    for (const name of ["A login that lasts", "Several platforms", "An image that is gone"])
      assert.match(DOCS, new RegExp(`^##+ ${name}$`, "m"));
    for (const anchor of table.matchAll(/\(#([^)]+)\)/g))
      assert.match(DOCS, new RegExp(`^## ${anchor[1]!.replaceAll("-", " ")}$`, "im"));
  });
});
