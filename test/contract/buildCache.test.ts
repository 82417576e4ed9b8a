/** The cache of builds: what `make build-cache` has pushed spares a machine without layers the installation of the packages. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { appendFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ContainerImage } from "../../components/containerImage.ts";
import { imageOf } from "../../config/images.ts";
import { imagesSchema } from "../../config/imagesSchema.ts";
import { pushCache } from "../../ops/lib/buildCache.ts";
import { run } from "../../ops/lib/run.ts";
import { Project, needs, type Run } from "./stack.ts";

const registry = process.env.CONTRACT_REGISTRY ?? "localhost:5000";
const SOURCES = fileURLToPath(new URL("../../app/backend", import.meta.url));
const SOCKET = (process.env.DOCKER_HOST || "unix:///var/run/docker.sock").replace("unix://", "");
const images = imagesSchema.parse({
  registry,
  repository: "contract/cache",
  // An existing image: only the backend's is built.
  frontend: `${registry}/contract/cache/frontend@sha256:${"0".repeat(64)}`,
});
const backend = imageOf("backend", images);
const CACHE = `${backend.repository}:cache`;

/** Asks Docker's API. */
const api = (method: "GET" | "POST", path: string) =>
  new Promise<any>((resolve, reject) => {
    const sent = request({ socketPath: SOCKET, method, path }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve(JSON.parse(body)));
    });
    sent.on("error", reject).end();
  });

/** The records of Docker's build cache. */
async function records(): Promise<readonly string[]> {
  const { BuildCache: found } = await api("GET", "/system/df");
  return ((found ?? []) as { ID: string }[]).map(({ ID }) => ID);
}

/** The steps of a build, as BuildKit names them, such as `[build 6/9] RUN uv venv …`, and whether each came from a cache. */
function stepsOf({ log, error }: Run): ReadonlyMap<string, boolean> {
  assert.equal(error, undefined);
  const lines = log.replace(/<\{%[^%]*%\}>/g, "").split("\n");
  const cached = lines.flatMap((line) => /^#(\d+) CACHED/.exec(line)?.[1] ?? []);
  const steps = lines.flatMap((line) => {
    const [, number, step] = /^#(\d+) (\[.+)/.exec(line) ?? [];
    return step ? [[step, cached.includes(number!)] as const] : [];
  });
  return new Map(steps);
}

/** Whether the step that installs the packages came from a cache. */
function arePackagesCached(built: Run): boolean {
  const steps = [...stepsOf(built)];
  const [, isCached] = steps.find(([step]) => step.includes("uv pip sync")) ?? [];
  assert.ok(isCached !== undefined, `no step installs packages:\n${built.log}`);
  return isCached;
}

describe("the cache of builds", function () {
  this.timeout(600_000);
  let project: Project;
  let folder: string;
  /** What the build cache has of other builds, and keeps. */
  let others: ReadonlySet<string> | undefined;

  /** Makes Docker forget the images and the layers of this test, as if it ran on another machine. */
  const forget = async () => {
    const list = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"] as const;
    const { stdout } = await run([...list, "--filter", `reference=${backend.repository}`]);
    const names = stdout.trim().split("\n").filter(Boolean);
    if (names.length) await run(["docker", "image", "rm", "--force", ...names]);
    // A record goes after those that are based on it.
    for (let left = Infinity; ;) {
      const own = (await records()).filter((id) => !others?.has(id));
      if (own.length === 0 || own.length >= left) return;
      left = own.length;
      for (const id of own)
        await api(
          "POST",
          `/build/prune?all=true&filters=${encodeURIComponent(JSON.stringify({ id: [id] }))}`,
        );
    }
  };
  const build = (cacheFrom: string[]) =>
    project.up(() => {
      const args = { ...backend, context: folder, tag: "contract", cacheFrom };
      return Promise.resolve({ reference: new ContainerImage("backend", args).reference });
    });

  before(async function () {
    needs(this, "the Pulumi CLI", "pulumi", "version");
    needs(this, "a Docker daemon", "docker", "version");
    needs(this, "Docker's API", "curl", "--fail", "--unix-socket", SOCKET, "http://docker/_ping");
    needs(this, `a registry at ${registry}`, "curl", "--fail", `http://${registry}/v2/`);
    project = await Project.create();
    folder = mkdtempSync(join(tmpdir(), "build-cache-"));
    cpSync(SOURCES, folder, {
      recursive: true,
      filter: (path) => !/\/(\.venv|__pycache__)$/.test(path),
    });
    // From here on, the layers are those of no other build.
    appendFileSync(join(folder, "requirements.lock"), `# ${randomUUID()}\n`);
    others = new Set(await records());
  });
  after(async () => {
    if (!others) return; // skipped
    await forget();
    await project.remove();
    rmSync(folder, { recursive: true });
  });

  it("has the packages for a machine that never built the image", async () => {
    const start: typeof run = ([program, ...args]) =>
      run([program, ...args.map((word) => (word === backend.context ? folder : word))]);
    const said: string[] = [];
    await pushCache(images, (line) => said.push(line), start);
    assert.deepEqual(said, [`pushed ${CACHE}`]);

    await forget();
    const none = `${registry}/contract/cache/none:cache`;
    assert.equal(arePackagesCached(await build([none])), false, "an image that is not there");
    await forget();
    assert.equal(arePackagesCached(await build([CACHE])), true, "they come from the registry");
  });
});
