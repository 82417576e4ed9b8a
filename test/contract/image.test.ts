// What the stack relies on in docker.Image, through the real engine, Docker and a registry.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { needs, Project } from "./stack.ts";

const registry = process.env.CONTRACT_REGISTRY ?? "localhost:5000";
const canary = "s3cret-canary";

function writeContext(folder: string, step = "COPY page.txt /page.txt"): string {
  const context = join(folder, "app");
  mkdirSync(join(context, "cache"), { recursive: true });
  writeFileSync(join(context, "Dockerfile"), `ARG BASE\nFROM $BASE\n${step}\n`);
  writeFileSync(join(context, ".dockerignore"), "cache\n*.log\n!keep.log\n");
  writeFileSync(join(context, "page.txt"), "one\n");
  return context;
}

const program =
  (args: Partial<docker.ImageArgs> = {}) =>
  () => {
    const image = new docker.Image("app", {
      imageName: `${registry}/contract/app:v1`,
      build: { context: "app", platform: "linux/amd64", args: { BASE: "scratch" } },
      ...args,
    });
    const secret = new random.RandomPassword("password", { length: 20, special: false });
    return Promise.resolve({ digest: image.repoDigest, password: secret.result });
  };
const builds = (log: string) => log.split("Starting Docker build").length - 1;

describe("docker.Image", function () {
  this.timeout(120_000);
  let project: Project;
  let context: string;
  before(function () {
    needs(this, "the Pulumi CLI", "pulumi", "version");
    needs(this, "a Docker daemon", "docker", "version");
    needs(
      this,
      `a registry at ${registry}`,
      "curl",
      "--fail",
      "--silent",
      "--max-time",
      "5",
      `http://${registry}/v2/`,
    );
  });
  beforeEach(async () => {
    project = await Project.create();
    context = writeContext(project.folder);
  });
  afterEach(() => project.remove());

  it("builds nothing on preview, builds and pushes once, and not again while the content is the same", async () => {
    const preview = await project.preview(program());
    assert.deepEqual([preview.error, builds(preview.log)], [undefined, 0]);
    const first = await project.up(program());
    assert.deepEqual([first.error, builds(first.log)], [undefined, 1]);
    assert.match(
      String(first.outputs.digest),
      new RegExp(`^${registry}/contract/app@sha256:[0-9a-f]{64}$`),
    );
    execFileSync("docker", ["pull", "--quiet", String(first.outputs.digest)]);

    utimesSync(join(context, "page.txt"), 0, 0);
    chmodSync(join(context, "page.txt"), 0o600);
    writeFileSync(join(context, "cache", "ignored"), "x");
    writeFileSync(join(context, "ignored.log"), "x");
    const again = await project.up(program());
    assert.deepEqual([again.steps, builds(again.log), again.outputs], [[], 0, first.outputs]);

    const elsewhere = await Project.create(project);
    const moved = await elsewhere.preview(program());
    assert.deepEqual([moved.error, moved.steps, builds(moved.log)], [undefined, [], 0]);
  });

  const changes: [string, (context: string) => void][] = [
    ["content", (folder) => writeFileSync(join(folder, "page.txt"), "two\n")],
    ["a file's name", (folder) => writeFileSync(join(folder, "more.txt"), "")],
    ["the executable bit", (folder) => chmodSync(join(folder, "page.txt"), 0o755)],
    [
      "a file that the ignore file takes back in",
      (folder) => writeFileSync(join(folder, "keep.log"), "x"),
    ],
    ["a new link", (folder) => symlinkSync("page.txt", join(folder, "link"))],
    [
      "the Dockerfile",
      (folder) => writeContext(folder.replace(/app$/, ""), "COPY page.txt /other.txt"),
    ],
  ];
  it("notices every change that can affect a build", async () => {
    assert.equal((await project.up(program({ skipPush: true }))).error, undefined);
    for (const [what, change] of changes) {
      change(context);
      const { steps, outputs, error } = await project.up(program({ skipPush: true }));
      assert.deepEqual([steps, error], [["update docker:index/image:Image::app"], undefined], what);
      assert.match(
        String(outputs.digest),
        /^sha256:[0-9a-f]{64}$/,
        "the local image's id, as nothing was pushed",
      );
    }
  });

  it("builds the stage of the Dockerfile that target names, and builds again when it changes", async () => {
    const stages = 'FROM $BASE AS one\nCOPY page.txt /one\nFROM one\nRUN ["/no-such-program"]\n';
    writeFileSync(join(context, "Dockerfile"), `ARG BASE\n${stages}`);
    const build = { context: "app", platform: "linux/amd64", args: { BASE: "scratch" } };
    const upTo = (target?: string) =>
      project.up(program({ skipPush: true, build: { ...build, ...(target && { target }) } }));
    assert.equal((await upTo("one")).error, undefined);
    assert.deepEqual((await upTo("one")).steps, []);
    const { error, log } = await upTo();
    assert.ok(error, "the last stage can't be built");
    assert.match(log, /no-such-program/);
  });

  it("keeps secrets secret in the state and out of the image's registry login", async () => {
    const credentials = { server: registry, username: "contract", password: pulumi.secret(canary) };
    const { error, outputs, log } = await project.up(program({ registry: credentials }));
    assert.equal(error, undefined);
    const state = project.state();
    assert.ok(
      state.includes("repoDigest") && !state.includes(canary),
      "the registry's password is in the state in clear",
    );
    assert.ok(!state.includes(String(outputs.password)), "the password is in the state in clear");
    assert.ok(!log.includes(canary), "the registry's password is in the log");
    const rotated = await project.preview(
      program({ registry: { ...credentials, password: "other" } }),
    );
    assert.deepEqual(
      [rotated.steps, rotated.error],
      [[], undefined],
      "new credentials alone build nothing",
    );
  });

  it("names the step at which a build fails, with its last lines", async () => {
    writeContext(project.folder, "COPY no-such-file /x");
    assert.match(String((await project.up(program())).error), /no-such-file/);
  });

  it("says that Docker is not running", async () => {
    const host = process.env.DOCKER_HOST;
    process.env.DOCKER_HOST = "unix:///no-such.sock";
    const { error } = await project.up(program());
    if (host) process.env.DOCKER_HOST = host;
    else delete process.env.DOCKER_HOST;
    assert.match(String(error), /docker daemon/i);
  });

  it("names the registry that refuses a push", async () => {
    const server = createServer(
      (_, response) => void response.writeHead(401, { "www-authenticate": "Basic" }).end(),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `localhost:${(server.address() as AddressInfo).port}`;
    const { error } = await project.up(program({ imageName: `${address}/contract/app:v1` }));
    server.close();
    assert.match(String(error), new RegExp(address));
  });
});
