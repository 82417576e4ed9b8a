/** A release that can't work ends soon after Kubernetes shows it, says why, and is noticed by no user. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { authorization, callApi, signUp, type Account } from "./support/api.ts";
import { underLoad } from "./support/load.ts";
import { NAMESPACE, attempt, kubectl, sh, withCheckout } from "./support/shell.ts";

/** From the first definitive sign to the end of the command. */
const SECONDS_TO_THE_END = 15;
const QUOTA = "bad-release";

interface BadRelease {
  readonly name: string;
  /** Breaks the release in a checkout. */
  readonly breakIt: (cwd: string) => unknown;
  /** Whether Kubernetes shows by now that the release can't work. */
  readonly sign: () => Promise<boolean>;
  /** What the error says. */
  readonly says: readonly RegExp[];
  readonly cleanUp?: () => Promise<unknown>;
}

/** `$&` in `value` stands for what was found. */
const replaceIn = (file: string, search: RegExp, value: string) => {
  const before = readFileSync(file, "utf8");
  const after = before.replace(search, value);
  assert.notEqual(after, before, `${file} has no ${search}`);
  writeFileSync(file, after);
};
const main = (cwd: string) => join(cwd, "app/backend/app/main.py");

const pods = async (workload: string): Promise<any[]> => {
  const { items } = JSON.parse(
    await kubectl(`get pods -l app.kubernetes.io/name=${workload} -o json`),
  ) as { items: any[] };
  return items;
};
const containersOf = async (workload: string): Promise<any[]> =>
  (await pods(workload)).flatMap(({ status }) => status.containerStatuses ?? []);
const waitsFor = (workload: string, reason: RegExp) => async () =>
  (await containersOf(workload)).some(({ state }) => reason.test(state.waiting?.reason ?? ""));
const wasKilled = async () =>
  (await containersOf("backend")).some(({ lastState, state }) =>
    [lastState.terminated, state.terminated].some((end) => end?.reason === "OOMKilled"),
  );
const hasEvent = (pattern: RegExp) => async () => pattern.test(await kubectl("get events"));

const RELEASES: readonly BadRelease[] = [
  {
    name: "an image that does not exist",
    breakIt: (cwd) =>
      sh(
        `pulumi config set --stack dev --path todo-app:images.frontend localhost:5000/todo-app/frontend@sha256:${"0".repeat(64)}`,
        { cwd },
      ),
    sign: waitsFor("frontend", /ImagePullBackOff|ErrImagePull/),
    says: [/Deployment\/frontend/, /ErrImagePull|ImagePullBackOff/, /not found/],
  },
  {
    name: "a crash at start",
    breakIt: (cwd) => appendFileSync(main(cwd), '\nraise RuntimeError("this release is broken")\n'),
    sign: waitsFor("backend", /CrashLoopBackOff/),
    says: [/Deployment\/backend/, /CrashLoopBackOff/, /RuntimeError: this release is broken/],
  },
  {
    name: "more memory than its limit",
    breakIt: (cwd) =>
      appendFileSync(main(cwd), '\nprint("allocating", flush=True)\nhoard = b"x" * 2**30\n'),
    sign: wasKilled,
    says: [/Deployment\/backend/, /OOMKilled/, /allocating/],
  },
  {
    name: "a readiness that never comes",
    breakIt: (cwd) =>
      replaceIn(
        join(cwd, "app/backend/app/health.py"),
        /@router\.get\("\/ready"/,
        '@router.get("/ready-but-elsewhere"',
      ),
    sign: hasEvent(/Readiness probe failed: HTTP probe failed with statuscode: 404/),
    says: [/Deployment\/backend/, /[Rr]eadiness/, /404/],
  },
  {
    name: "a failing migration",
    breakIt: (cwd) =>
      replaceIn(
        join(cwd, "app/backend/app/migrate.py"),
        /^def wait_for_database\(.*$/m,
        '$&\n    raise SystemExit("this migration is broken")',
      ),
    sign: async () =>
      /Failed/.test(
        await kubectl(
          "get jobs -o jsonpath='{range .items[*]}{.status.conditions[?(@.status==\"True\")].type} {end}'",
        ),
      ),
    says: [/Job\/migration-/, /this migration is broken/],
  },
  {
    name: "a quota that refuses its pods",
    breakIt: async (cwd) => {
      const count = (await pods("backend")).length + (await pods("frontend")).length;
      await kubectl(`create quota ${QUOTA} --hard=pods=${count}`);
      await sh("pulumi config set --stack dev --path todo-app:secretVersions.auth 2", { cwd });
    },
    sign: hasEvent(/FailedCreate.*exceeded quota: bad-release/),
    says: [/exceeded quota: bad-release/],
    cleanUp: () => kubectl(`delete quota ${QUOTA} --ignore-not-found`),
  },
];

/** Looks for the sign until `done`; returns when it was first there. */
async function watchFor(sign: () => Promise<boolean>, done: AbortSignal): Promise<number> {
  while (!done.aborted) {
    if (await sign().catch(() => false)) return Date.now();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return Date.now();
}

describe("a release with", () => {
  let account: Account;
  before(async () => {
    await sh("make up");
    account = await signUp();
  });
  afterEach(async () => {
    for (const { cleanUp } of RELEASES) await cleanUp?.();
    const output = await sh("make up");
    assert.match(output, /dev is up: /, "the next make up continues");
  });

  for (const { name, breakIt, sign, says } of RELEASES)
    it(`${name} ends within ${SECONDS_TO_THE_END} s of the sign, with the reason, and fails no request`, async () => {
      await withCheckout(async (cwd) => {
        await breakIt(cwd);
        const headers = { ...(await authorization(account)), Cookie: account.cookie };
        const targets = [
          { method: "GET", path: "/api/tasks" },
          { method: "GET", path: "/" },
        ] as const;
        const done = new AbortController();
        let seconds = Infinity;
        let output = "";
        const { failures, requests } = await underLoad(
          account.host,
          headers,
          targets,
          async () => {
            const seen = watchFor(sign, done.signal);
            const outcome = await attempt("make up", { cwd });
            done.abort();
            seconds = (Date.now() - (await seen)) / 1000;
            output = outcome.output;
            assert.notEqual(outcome.code, 0, output);
          },
          { connections: 2, pauseMs: 100 },
        );
        for (const pattern of says) assert.match(output, pattern);
        assert.match(output, /fix: /);
        assert.deepEqual(failures, [], `${failures.length} of ${requests} requests failed`);
        assert.ok(seconds <= SECONDS_TO_THE_END, `it ended ${seconds.toFixed(1)} s after the sign`);
        console.log(`      ${seconds.toFixed(1)} s after the sign, ${requests} requests`);
      });
      await callApi(account, "/api/tasks");
    });
});

describe(`the namespace ${NAMESPACE}`, () => {
  it("has only healthy pods after all of them", async () => {
    for (const workload of ["backend", "frontend"])
      assert.ok((await containersOf(workload)).every(({ ready }) => ready));
  });
});
