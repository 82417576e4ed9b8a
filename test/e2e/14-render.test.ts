/** What `make render` writes is what the cluster has, and `kubectl diff` shows what a deploy would change. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { attempt } from "./support/shell.ts";

const DIFF = "kubectl --context minikube diff -f -";

describe("make render", () => {
  it("of a stage that is deployed differs in nothing from the cluster", async () => {
    const { code, output } = await attempt(`make --silent render | ${DIFF}`);
    assert.deepEqual([code, output], [0, ""]);
  });

  it("shows a change of the stage file as kubectl diff does, and changes nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "todo-app-render-"));
    try {
      const file = join(folder, "Pulumi.dev.yaml");
      const { config, ...rest } = parse(readFileSync("Pulumi.dev.yaml", "utf8"));
      const backend = { ...config["todo-app:backend"], replicas: 3 };
      writeFileSync(
        file,
        stringify({ ...rest, config: { ...config, "todo-app:backend": backend } }),
      );
      for (let run = 0; run < 2; run++) {
        const { code, output } = await attempt(`node ops/render.ts dev ${file} | ${DIFF}`);
        assert.equal(code, 1, output); // there are differences
        assert.match(output, /^-\s+replicas: 2\n\+\s+replicas: 3$/m);
        assert.doesNotMatch(output, /^[-+]\s+(image|name):/m);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
