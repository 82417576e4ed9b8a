/**
 * The deploy of a release that cannot work gives up soon after Kubernetes shows that, with the reason, and goes back by itself;
 * no user notices.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { authorization, callApi, signUp, type Account } from "../support/api.ts";
import { underLoad } from "../support/load.ts";
import { NAMESPACE, attempt, eventually, kubectl, sh, withCheckout } from "../support/shell.ts";

/** Seconds allowed from the first definitive sign until the command says the reason. */
const SECONDS_TO_THE_REASON = 15;
/** Seconds allowed from then until the release before is deployed again, and the command ends. */
const SECONDS_TO_THE_ROLLBACK = 60;
const QUOTA = "bad-release";

interface BadRelease {
  readonly name: string;
  /** Breaks the release in a checkout. */
  readonly breakIt: (cwd: string) => unknown;
  /** Whether Kubernetes already shows that the release cannot work. */
  readonly sign: Sign;
  /** What the error says. */
  readonly says: readonly RegExp[];
  readonly cleanUp?: () => Promise<unknown>;
}

/** Replaces text in a file of the checkout; `$&` in `value` stands for the text that was found. */
const replaceIn = (file: string, search: RegExp, value: string) => {
  const before = readFileSync(file, "utf8");
  const after = before.replace(search, value);
  assert.notEqual(after, before, `${file} has no ${search}`);
  writeFileSync(file, after);
};
/** Adds a statement that runs when the program starts, but not when the image's build imports it. */
const atStart = (cwd: string, statement: string) =>
  replaceIn(join(cwd, "app/backend/app/__main__.py"), /^def main\(\).*$/m, `$&\n    ${statement}`);

/** Whether a time of the API is not before `begin`; the API's times are whole seconds. */
const since = (begin: number) => (time: string | null | undefined) =>
  Date.parse(time ?? "") >= Math.floor(begin / 1000) * 1000;

const items = async (query: string): Promise<any[]> =>
  (JSON.parse(await kubectl(`get ${query} -o json`)) as { items: any[] }).items;
const podsOf = (workload: string) => items(`pods -l app.kubernetes.io/name=${workload}`);

type Sign = (begin: number) => Promise<boolean>;

/** Whether a container of a pod that is newer than `begin` is in such a state. */
const newContainer =
  (workload: string, isBad: (status: any) => boolean): Sign =>
  async (begin) =>
    (await podsOf(workload))
      .filter(({ metadata }) => since(begin)(metadata.creationTimestamp))
      .flatMap(({ status }) => status.containerStatuses ?? [])
      .some(isBad);
const waitsFor = (workload: string, reason: RegExp) =>
  newContainer(workload, ({ state }) => reason.test(state.waiting?.reason ?? ""));
const newEvent =
  (pattern: RegExp): Sign =>
  async (begin) =>
    (await items("events")).some(
      ({ lastTimestamp, reason, message }) =>
        since(begin)(lastTimestamp) && pattern.test(`${reason} ${message}`),
    );

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
    breakIt: (cwd) => atStart(cwd, 'raise RuntimeError("this release is broken")'),
    sign: waitsFor("backend", /CrashLoopBackOff/),
    says: [/Deployment\/backend/, /CrashLoopBackOff/, /RuntimeError: this release is broken/],
  },
  {
    name: "more memory than its limit",
    breakIt: (cwd) => atStart(cwd, 'print("allocating", flush=True); hoard = b"x" * 2**30'),
    sign: newContainer("backend", ({ lastState, state }) =>
      [lastState.terminated, state.terminated].some((end) => end?.reason === "OOMKilled"),
    ),
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
    sign: newEvent(/^Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 404/),
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
    sign: async (begin) =>
      (await items("jobs")).some(({ status }) =>
        status.conditions?.some(
          ({ type, lastTransitionTime }: any) =>
            type === "Failed" && since(begin)(lastTransitionTime),
        ),
      ),
    says: [/Job\/migration-/, /this migration is broken/],
  },
  {
    name: "a quota that refuses its pods",
    breakIt: async (cwd) => {
      // The quota allows as many pods as there are. The release keeps its images, so it needs no pod for a migration.
      const { length } = await items("pods --field-selector status.phase=Running");
      await kubectl(`create quota ${QUOTA} --hard=pods=${length}`);
      await sh("pulumi config set --stack dev todo-app:placement preferred", { cwd });
    },
    sign: newEvent(/^FailedCreate .*exceeded quota: bad-release/),
    says: [/exceeded quota: bad-release/],
    cleanUp: () => kubectl(`delete quota ${QUOTA} --ignore-not-found`),
  },
];

/** Looks for the sign until `done`; returns the time at which it first appeared. */
async function watchFor(sign: Sign, done: AbortSignal): Promise<number> {
  const begin = Date.now();
  while (!done.aborted) {
    if (await sign(begin).catch(() => false)) return Date.now();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return Date.now();
}

/** The images that the Deployments of both services name. */
async function images(): Promise<readonly string[]> {
  const field = "{.spec.template.spec.containers[0].image}";
  const of = (workload: string) => kubectl(`get deployment ${workload} -o jsonpath='${field}'`);
  return Promise.all([of("backend"), of("frontend")]);
}

describe("a release with", () => {
  let account: Account;
  let running: readonly string[];
  before(async () => {
    await sh("make up");
    account = await signUp();
    running = await images();
  });
  afterEach(async () => {
    for (const { cleanUp } of RELEASES) await cleanUp?.();
  });
  after(async () => {
    const output = await sh("make up");
    assert.match(output, /dev is up: /, "the next make up continues");
  });

  for (const { name, breakIt, sign, says } of RELEASES)
    it(`${name} is given up within ${SECONDS_TO_THE_REASON} s of the sign, with the reason, and taken back without a failed request`, async () => {
      await withCheckout(async (cwd) => {
        await breakIt(cwd);
        const headers = { ...(await authorization(account)), Cookie: account.cookie };
        const targets = [
          { method: "GET", path: "/api/tasks" },
          { method: "GET", path: "/" },
        ] as const;
        const done = new AbortController();
        let output = "";
        let reason = Infinity;
        let rollback = Infinity;
        const { failures, requests } = await underLoad(
          account.host,
          headers,
          targets,
          async () => {
            const seen = watchFor(sign, done.signal);
            let said = Infinity;
            const onOutput = (text: string) => {
              if (said === Infinity && /^error: /m.test(text)) said = Date.now();
            };
            const env = { AUTO_ROLLBACK: "1" };
            const outcome = await attempt("make up", { cwd, env, onOutput });
            done.abort();
            reason = (said - (await seen)) / 1000;
            rollback = (Date.now() - said) / 1000;
            output = outcome.output;
            assert.notEqual(outcome.code, 0, output);
          },
          { connections: 2, pauseMs: 100 },
        );
        for (const pattern of says) assert.match(output, pattern);
        assert.match(output, /fix: /);
        assert.deepEqual(failures, [], `${failures.length} of ${requests} requests failed`);
        assert.match(output, /error: the release failed .*; dev runs revision \d+ again\n/);
        assert.deepEqual(await images(), running, "the release before is back");
        const figures = `the reason came ${reason.toFixed(1)} s after the sign, the rollback took ${rollback.toFixed(1)} s`;
        assert.ok(reason <= SECONDS_TO_THE_REASON, figures);
        assert.ok(rollback <= SECONDS_TO_THE_ROLLBACK, figures);
        console.log(`      ${figures}, ${requests} requests`);
      });
      await callApi(account, "/api/tasks");
    });
});

describe(`the namespace ${NAMESPACE}`, () => {
  it("has only healthy pods after all of them", () =>
    eventually(60, async () => {
      for (const workload of ["backend", "frontend"])
        for (const { metadata, status } of await podsOf(workload))
          assert.ok(
            metadata.deletionTimestamp || status.containerStatuses.every(({ ready }: any) => ready),
            metadata.name,
          );
    }));
});
