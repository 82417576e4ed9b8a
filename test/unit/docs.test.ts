import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILES = ["README.md", ...readdirSync(`${ROOT}/docs`).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith(".md"),
);

describe("the documentation", () => {
  it("names the cluster in every kubectl command: the current context may be another one", () => {
    let commands = 0;
    for (const file of FILES)
      for (const [command] of readFileSync(`${ROOT}/${file}`, "utf8").matchAll(
        /\bkubectl\s[^`\n]*/g,
      )) {
        commands += 1;
        assert.match(command, /^kubectl --context \S+ \S/, file);
      }
    assert.ok(commands > 5);
  });
});
