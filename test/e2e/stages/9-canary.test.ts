/**
 * A canary behind a Gateway: its share of the requests, its end by itself when it fails or is slow, and its promotion, with no
 * failed request of anybody else. Staging keeps its Gateway; the next `make up` brings the Ingress back.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:https";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { underLoad, type Target } from "../support/load.ts";
import { attempt, eventually, sh, withCheckout } from "../support/shell.ts";
import { staging, trustedRoot, userWithTask } from "./support.ts";

const REQUESTS = 10_000;
/**
 * In points of percent. Traefik deals requests out in turn, so that the share is nearly exact. Where a controller draws lots, this
 * is five times the standard deviation.
 */
const TOLERANCE = 1.5;
const CONNECTIONS = 8;

/** Text in the answers of the canary's backend, and the headers with which its requests fail or are slow. */
const MARK = "Sign in first, says the canary";
const FAIL = { "X-Release-Track": "canary", "X-Fail": "1" };
const SLOW = { "X-Release-Track": "canary", "X-Slow": "1" };
/** The bound of the stage, which is not the default, and how long a slow answer takes. */
const MAX_LATENCY_SECONDS = 2;
const SLOW_SECONDS = 3;

const LOAD: readonly Target[] = [
  { method: "GET", path: "/sign-in" },
  { method: "GET", path: "/api/openapi.json" },
];

/** Settings of staging in a checkout: a Gateway, how long a canary is watched, and how slow it may be. */
function setUp(cwd: string, minutes: number): void {
  const file = join(cwd, "local/overrides.staging.yaml");
  const { config } = parse(readFileSync(file, "utf8"));
  const route = { ...config["todo-app:route"], kind: "gateway", className: "traefik" };
  const canary = { minutes, maxLatencySeconds: MAX_LATENCY_SECONDS };
  writeFileSync(
    file,
    stringify({ config: { ...config, "todo-app:route": route, "todo-app:canary": canary } }),
  );
}

/** Makes the backend of a checkout one that says that it is the canary, and on request fails or answers late. */
function change(cwd: string): void {
  const file = join(cwd, "app/backend/app/dependencies.py");
  const before = readFileSync(file, "utf8");
  const after = before.replace(
    /^( +)raise _unauthorized\("Sign in first: .*$/m,
    `$1if "x-fail" in request.headers:\n$1    raise RuntimeError("this release is broken")\n` +
      `$1if "x-slow" in request.headers:\n$1    import asyncio\n$1    await asyncio.sleep(${SLOW_SECONDS})\n` +
      `$1raise _unauthorized("${MARK}")`,
  );
  assert.notEqual(after, before);
  writeFileSync(file, after);
}

const imagesOf = (...workloads: readonly string[]) =>
  staging.kubectl(`get deployments ${workloads.join(" ")} -o jsonpath='{..containers[0].image}'`);
const canaryObjects = () =>
  staging.kubectl(
    "get deployments,services,endpointslices,networkpolicies -o name | grep canary || true",
  );

/** Sends requests without a token. @returns how often each answer came */
async function answers(
  ca: string,
  count: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReadonlyMap<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const counts = new Map<string, number>();
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      const options = { host: staging.host, path: "/api/tasks", agent, ca, headers };
      get(options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("error", reject);
        const by = () => (text.includes(MARK) ? "canary" : "stable");
        response.on("end", () => resolve(`${response.statusCode} ${by()}`));
      }).on("error", reject);
    });
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const answer = await ask();
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  } finally {
    agent.destroy();
  }
  return counts;
}

describe("make canary", () => {
  let ca: string;
  let stable: string;
  let keepsTask: () => Promise<void>;

  /** Runs `meanwhile` under load, of which no request may fail. */
  async function unnoticed(meanwhile: () => Promise<void>): Promise<void> {
    const options = { connections: 2, pauseMs: 50, ca };
    const { failures, requests } = await underLoad(staging.host, {}, LOAD, meanwhile, options);
    assert.deepEqual(failures, [], `of ${requests} requests`);
    await keepsTask();
  }

  before(async () => {
    ca = await trustedRoot();
  });
  after(() => attempt("make canary-abort STAGE=staging"));

  it("is refused behind an Ingress, and with a weight that is no share", async () => {
    const { code, output } = await attempt("make canary STAGE=staging");
    assert.notEqual(code, 0);
    assert.match(output, /error: staging is deployed with an Ingress of class traefik/);
    assert.match(output, /fix: .*route\.kind gateway, then make up STAGE=staging first/);
    const wrong = await attempt("make canary STAGE=staging WEIGHT=100");
    assert.match(wrong.output, /WEIGHT=100 is no share .*a whole number from 1 to 99/);
    assert.equal(await canaryObjects(), "");
  });

  it("sends a share of the requests to the new release, and takes it back when that fails", () =>
    withCheckout(async (cwd) => {
      setUp(cwd, 0);
      await staging.up(cwd);
      stable = await imagesOf("backend", "frontend");
      ({ keepsTask } = await userWithTask(staging, ca));
      change(cwd);
      await unnoticed(() => sh("make canary STAGE=staging WEIGHT=10", { cwd }).then(() => {}));
      assert.equal(await imagesOf("backend", "frontend"), stable);
      assert.notEqual(await imagesOf("backend-canary"), await imagesOf("backend"));

      const counts = await answers(ca, REQUESTS);
      const [own = 0, others = 0] = ["401 canary", "401 stable"].map((each) => counts.get(each));
      const percent = (100 * own) / REQUESTS;
      console.log(`      ${percent.toFixed(2)} % of ${REQUESTS} requests`);
      assert.equal(own + others, REQUESTS, JSON.stringify([...counts]));
      assert.ok(Math.abs(percent - 10) <= TOLERANCE, `${percent} %`);
      const pinned = await answers(ca, 20, { "X-Release-Track": "canary" });
      assert.deepEqual([...pinned], [["401 canary", 20]]);

      const up = await attempt("make up STAGE=staging", { cwd });
      assert.notEqual(up.code, 0);
      assert.match(up.output, /error: a canary serves 10 % of the requests of staging/);
      assert.match(
        up.output,
        /make canary-promote STAGE=staging .*make canary-abort STAGE=staging/,
      );

      setUp(cwd, 1);
      const image = await imagesOf("backend-canary");
      const { code, output } = await unfit(cwd, 20, FAIL);
      assert.notEqual(code, 0, output);
      assert.match(output, /the canary's share goes from 10 to 20 %; its images stay/);
      assert.match(output, /error: backend of the canary: .* % of \d+ requests failed, more than/);
      assert.match(output, /RuntimeError: this release is broken/);
      assert.ok(image);
      await isGone();
    }));

  it("takes it back when it answers without an error, but too late", () =>
    withCheckout(async (cwd) => {
      setUp(cwd, 1);
      change(cwd);
      const { code, output } = await unfit(cwd, 10, SLOW);
      assert.notEqual(code, 0, output);
      const [, seconds] =
        /error: backend of the canary: 5 % of \d+ requests took longer than ([\d.]+) s, more than canary\.maxLatencySeconds \(2\)/.exec(
          output,
        ) ?? assert.fail(output);
      assert.ok(Number(seconds) > MAX_LATENCY_SECONDS, `${seconds} s`);
      assert.match(output, /GET \/api\/tasks 401/, "its last log lines");
      await isGone();
    }));

  /** Checks that the release before serves all requests. */
  async function isGone(): Promise<void> {
    assert.equal(await canaryObjects(), "");
    assert.equal(await imagesOf("backend", "frontend"), stable);
    assert.deepEqual([...(await answers(ca, 100))], [["401 stable", 100]]);
  }

  /** Starts the canary or changes its share, and sends it requests with these headers while it is watched. Nobody else notices. */
  async function unfit(cwd: string, weight: number, headers: Readonly<Record<string, string>>) {
    let outcome = { code: 0, output: "" };
    await unnoticed(async () => {
      let isWatched = false;
      let isAborted = false;
      const onOutput = (text: string) => {
        isWatched ||= text.includes("watching it");
        isAborted ||= text.includes("is removed");
      };
      const command = attempt(`make canary STAGE=staging WEIGHT=${weight}`, { cwd, onOutput });
      const injection = eventually(240, async () => {
        assert.ok(isWatched);
        if (!isAborted) await answers(ca, 100, headers);
        assert.ok(isAborted);
      });
      const [ended] = await Promise.all([command, injection]);
      outcome = ended;
    });
    return outcome;
  }

  it("is promoted without a build, and recorded as a revision", () =>
    withCheckout(async (cwd) => {
      setUp(cwd, 0);
      change(cwd);
      await sh("make canary STAGE=staging WEIGHT=10", { cwd });
      const images = await imagesOf("backend-canary", "frontend-canary");
      const script = `require("dns").lookup("frontend-peers", { all: true }, async (error, found) => {
        for (const { address } of found)
          console.log(address, (await fetch("http://" + address + ":3000/health/live")).status);
      })`;
      const address = await staging.kubectl(
        "get service frontend-canary -o jsonpath='{.spec.clusterIP}'",
      );
      const peers = await staging.kubectl(`exec deployment/frontend -- node -e '${script}'`);
      assert.ok(peers.split("\n").includes(`${address} 200`), peers);

      let output = "";
      await unnoticed(async () => {
        output = await sh("make canary-promote STAGE=staging", { cwd });
      });
      assert.doesNotMatch(output, /\bbuilding\b|\bpush|naming to/i);
      assert.equal(await imagesOf("backend", "frontend"), images);
      assert.equal(await canaryObjects(), "");
      const { revisions } = JSON.parse(
        await sh("make --silent history STAGE=staging ARGS=--json"),
      ) as { revisions: { outcome: string }[] };
      assert.equal(revisions[0]!.outcome, "canary promoted");
    }));
});
