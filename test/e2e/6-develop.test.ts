/**
 * `make dev` in a checkout of its own: each change is seen through the route without a build, a mistake is shown and mended, and
 * `make up` brings the built images back. Prints how long changes took.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { callApi, send, signUp } from "./support/api.ts";
import { startMake } from "./support/kills.ts";
import { kubectl, makeCheckout, sh } from "./support/shell.ts";

const HOST = "todo-app.local";
const MAIN = "app/backend/app/main.py";
const FORM = "app/frontend/components/AuthPage.tsx";
/** Longest time for a change, on a machine that may have other work. docs/develop.md says what to expect. */
const LONGEST_SECONDS = 10;
const POLL_MS = 20;

describe("make dev", () => {
  let cwd: string;
  let make: ChildProcess;
  let output = "";
  let shown = 0;

  /** Waits for a text of the command that was not waited for yet. */
  const says = async (pattern: RegExp, seconds: number) => {
    const deadline = Date.now() + seconds * 1000;
    while (!pattern.test(output.slice(shown))) {
      assert.ok(Date.now() < deadline, `${pattern} was not said:\n${output}`);
      assert.equal(make.exitCode, null, output);
      await sleep(POLL_MS);
    }
    shown = output.length;
  };
  const read = (file: string) => readFileSync(join(cwd, file), "utf8");
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(cwd, file)), { recursive: true });
    writeFileSync(join(cwd, file), text);
  };
  const replace = (file: string, old: string, text: string) => {
    const before = read(file);
    assert.ok(before.includes(old), `${file} has ${old}`);
    write(file, before.replace(old, text));
  };
  /** Seconds until a page is answered as it should be, from now on. */
  const secondsUntil = async (path: string, isRight: (body: string, status: number) => boolean) => {
    const begin = Date.now();
    for (;;) {
      const { body, status } = await send(HOST, path);
      const seconds = (Date.now() - begin) / 1000;
      if (isRight(body, status)) return seconds;
      assert.ok(seconds < LONGEST_SECONDS, `${path} was still ${status} after ${seconds} s`);
      await sleep(POLL_MS);
    }
  };
  const podOf = async (name: string) =>
    JSON.parse(await kubectl(`get pods -l app.kubernetes.io/name=${name} -o json`)).items.find(
      ({ metadata }: any) => !metadata.deletionTimestamp,
    );

  before(async () => {
    cwd = await makeCheckout();
    make = startMake(["dev"], cwd);
    for (const stream of [make.stdout!, make.stderr!])
      stream.on("data", (text: Buffer) => (output += text.toString()));
    await says(/dev runs from sources/, 300);
    for (const service of ["backend", "frontend"])
      while (!output.includes(`  ${service}: the pod has the same sources … serves`))
        await sleep(POLL_MS);
    shown = output.length;
  });
  after(async () => {
    if (make.exitCode === null && make.signalCode === null) process.kill(-make.pid!, "SIGKILL");
    rmSync(cwd, { recursive: true });
    await sh("make up");
  });

  it("shows changes of the backend and of the frontend within seconds", async () => {
    const seconds: Record<string, number[]> = { backend: [], frontend: [] };
    let [title, form] = ['title="Todo API"', '"Sign in" :'];
    for (const round of [1, 2, 3]) {
      const [nextTitle, nextForm] = [`title="Round ${round}"`, `"Sign in, round ${round}" :`];
      replace(MAIN, title, nextTitle);
      const isNew = (body: string) => body.includes(`"title":"Round ${round}"`);
      seconds.backend!.push(await secondsUntil("/api/openapi.json", isNew));
      replace(FORM, form, nextForm);
      const hasForm = (body: string) => body.includes(`Sign in, round ${round}`);
      seconds.frontend!.push(await secondsUntil("/sign-in", hasForm));
      [title, form] = [nextTitle, nextForm];
    }
    await says(/ {2}frontend: components\/AuthPage\.tsx \(1 file\) … serves after \d+\.\d s\n/, 10);
    assert.match(output, / {2}backend: app\/main\.py \(1 file\) … serves after \d+\.\d s\n/);
    for (const [service, times] of Object.entries(seconds))
      console.log(
        `      ${service}: seen after ${times.map((each) => each.toFixed(1)).join(", ")} s`,
      );
  });

  it("adds and deletes files", async () => {
    const page = "app/frontend/app/hello/page.tsx";
    write(page, "export default function Page() {\n  return <p>Hello there</p>;\n}\n");
    await secondsUntil("/hello", (body, status) => status === 200 && body.includes("Hello there"));
    rmSync(join(cwd, page));
    await secondsUntil("/hello", (_, status) => status === 404);
  });

  it("shows a mistake with the pod's log, and goes on", async () => {
    const right = read(MAIN);
    write(MAIN, `${right}\nprint(`);
    await says(
      /app\/main\.py \(1 file\) … does not work .*\n( {4}.*\n)+ {4}SyntaxError: '\(' was/,
      10,
    );
    write(MAIN, right.replace("Round 3", "Mended"));
    await secondsUntil("/api/openapi.json", (body) => body.includes('"title":"Mended"'));
    const form = read(FORM);
    write(FORM, form.replace("<Container", "<<Container"));
    await says(/AuthPage\.tsx \(1 file\) … does not work .*\n( {4}.*\n)+/, 10);
    write(FORM, form.replace("round 3", "mended"));
    await secondsUntil("/sign-in", (body) => body.includes("Sign in, mended"));
  });

  it("brings a pod that was replaced up to date, and leaves the app as it works elsewhere", async () => {
    const { metadata } = await podOf("backend");
    await kubectl(`delete pod ${metadata.name} --wait=false`);
    await says(/ {2}backend: app\/main\.py \(1 file\) … serves/, 60);
    await secondsUntil("/api/openapi.json", (body) => body.includes('"title":"Mended"'));
    const account = await signUp();
    await callApi(account, "/api/tasks", { method: "POST", body: { title: "In development" } });
    assert.match(JSON.stringify(await callApi(account, "/api/tasks")), /In development/);
  });

  it("ends with Ctrl-C, and make up deploys the built images", async () => {
    const ended = once(make, "exit");
    process.kill(-make.pid!, "SIGINT");
    const [code, signal] = (await ended) as [number | null, string | null];
    assert.ok(code === 0 || code === 130 || signal === "SIGINT", `${code} ${signal}\n${output}`);
    assert.match(output, /make up STAGE=dev deploys the built images\n/);
    await sh("make up");
    for (const service of ["backend", "frontend"]) {
      const { metadata, spec } = await podOf(service);
      assert.equal(metadata.annotations["todo-app/development"], undefined);
      assert.ok(spec.containers[0].livenessProbe);
    }
    await secondsUntil("/api/openapi.json", (body) => body.includes('"title":"Todo API"'));
  });
});
