/** The cache of builds in the registry: only a build with the same arguments as the deploy's has the same layers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../../config/load.ts";
import { SERVICE_NAMES } from "../../config/services.ts";
import { pushCache } from "../../ops/lib/buildCache.ts";
import type { run } from "../../ops/lib/run.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DIGEST = `sha256:${"a".repeat(64)}`;

/** A docker that notes what it is called with, and fails at one of its commands. */
function fakeDocker(failing?: string) {
  const calls: string[][] = [];
  const start: typeof run = (command) => {
    assert.deepEqual(command.slice(0, 5), [
      "env",
      ...["DOCKER_BUILDKIT=1", "BUILDX_BUILDER=default", "BUILDX_NO_DEFAULT_ATTESTATIONS=1"],
      "docker",
    ]);
    const args = command.slice(5);
    calls.push(args);
    const code = args[0] === failing ? 1 : 0;
    return Promise.resolve({ code, output: code ? "step 1\ndenied: no rights\n" : "", stdout: "" });
  };
  return { calls, start };
}

/** For a call that must say nothing. */
const silent = (line: string) => assert.equal(line, undefined);

describe("the cache of builds", () => {
  const values = {
    "todo-app:kubernetesContext": "staging",
    "todo-app:host": "todo-app.com",
    "todo-app:images": {
      registry: "ghcr.io",
      repository: "acme/todo-app",
      platform: "linux/arm64",
    },
  };
  const images = (more: object = {}) => {
    const config = effectiveConfig("qa", {
      ...values,
      "todo-app:images": { ...values["todo-app:images"], ...more },
    });
    assert.ok(config);
    return config.images;
  };

  it("is built as the deploy builds, up to a stage that the Dockerfiles have", async () => {
    const { calls, start } = fakeDocker();
    const said: string[] = [];
    await pushCache(images(), (line) => said.push(line), start);
    const raw = Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    const deployed = parseConfig("qa", Object.fromEntries(raw)).images;
    for (const [index, name] of SERVICE_NAMES.entries()) {
      const { context, platform, baseImage } = deployed[name];
      const cache = `ghcr.io/acme/todo-app/${name}:cache`;
      const [build, push] = calls.slice(index * 2);
      assert.deepEqual(build, [
        ...["build", "--target", "build", "--platform", platform],
        ...["--build-arg", `BASE_IMAGE=${baseImage}`, "--build-arg", "BUILDKIT_INLINE_CACHE=1"],
        ...["--cache-from", cache, "--tag", cache, context],
      ]);
      assert.deepEqual(push, ["push", cache]);
      assert.equal(said[index], `pushed ${cache}`);
      assert.match(readFileSync(`${ROOT}/app/${name}/Dockerfile`, "utf8"), /^FROM .* AS build$/m);
    }
  });

  it("has nothing of an image that is not built", async () => {
    const { calls, start } = fakeDocker();
    const all = Object.fromEntries(SERVICE_NAMES.map((name) => [name, `ghcr.io/a/b@${DIGEST}`]));
    await pushCache(images(all), silent, start);
    assert.deepEqual(calls, []);
  });

  it("is not pushed where the build fails, and the error has its last lines", async () => {
    const { calls, start } = fakeDocker("build");
    await assert.rejects(pushCache(images(), silent, start), {
      message: "docker build failed:\nstep 1\ndenied: no rights",
    });
    assert.equal(calls.length, 1);
  });

  it("says how to log in where the push is refused", async () => {
    const { start } = fakeDocker("push");
    await assert.rejects(pushCache(images(), silent, start), {
      fix: "log in to the registry: docker login ghcr.io",
    });
  });
});
