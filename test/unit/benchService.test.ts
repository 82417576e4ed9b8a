/** What `make bench` writes down of the running app, and which targets it takes for met. */
import assert from "node:assert/strict";
import { serviceTables } from "../../bench/report/serviceTables.ts";
import { judge } from "../../bench/report/targets.ts";
import { secondsToReady, type Pod } from "../../bench/service/pods.ts";
import { serviceRow } from "../../bench/service/rows.ts";

const outcome = (milliseconds: readonly number[], failures: readonly string[] = []) => ({
  requests: milliseconds.length + failures.length,
  failures,
  milliseconds,
  gapMilliseconds: 40,
});

describe("a row of the running app", () => {
  it("has the times within which half of the answers came, 95 and 99 of a hundred", () => {
    const times = Array.from({ length: 200 }, (_, index) => index + 1);
    assert.deepEqual(serviceRow("light load", { seconds: 12.04, outcome: outcome(times, ["a"]) }), {
      scenario: "light load",
      seconds: "12.0",
      requests: "201",
      failed: "1",
      gap_ms: "40",
      p50_ms: "100",
      p95_ms: "190",
      p99_ms: "198",
    });
  });

  it("is empty where nothing was sent or answered", () => {
    const { requests, p50_ms } = serviceRow("deploy", { seconds: 1 });
    assert.deepEqual([requests, p50_ms], ["", ""]);
    const none = serviceRow("rollout", { seconds: 1, outcome: outcome([], ["a"]) });
    assert.deepEqual([none.requests, none.failed, none.p50_ms], ["1", "1", ""]);
  });
});

describe("the seconds until a pod is ready", () => {
  const pod = (status: string): Pod => ({
    metadata: { name: "a", creationTimestamp: "2026-01-01T00:00:50Z" },
    status: {
      conditions: [
        { type: "Initialized", status: "True", lastTransitionTime: "2026-01-01T00:00:51Z" },
        { type: "Ready", status, lastTransitionTime: "2026-01-01T00:01:02Z" },
      ],
    },
  });

  it("are those of the ready ones since their creation", () => {
    const unscheduled: Pod = { ...pod("True"), status: {} };
    assert.deepEqual(secondsToReady([pod("True"), pod("False"), unscheduled]), [12]);
  });
});

const NOTHING = { builds: [], service: [], scale: [], delivery: [], facts: [] };

describe("a target", () => {
  const build = (name: string, tool: string, values: Record<string, string>) => ({
    build: name,
    tool,
    ...values,
  });
  const row = (scenario: string, seconds: string) => ({ scenario, seconds });
  const judged = (what: string, builds: readonly any[], service: readonly any[] = []) =>
    judge({ ...NOTHING, builds, service }).find((target) => target.what === what)!;

  it("is met by less than what is asked", () => {
    const find = (seconds: string) =>
      judged("failed pod noticed", [], [row("missing image", seconds)]);
    assert.deepEqual(find("9.9"), {
      what: "failed pod noticed",
      asked: "less than 10 s",
      figure: "9.90 s",
      isMet: true,
    });
    assert.equal(find("10.0").isMet, false);
  });

  it("is about the stack's own builds", () => {
    const builds = [
      build("warm", "docker build", { sent_bytes: "812" }),
      build("warm", "pulumi up", { sent_bytes: "0" }),
    ];
    const { figure, isMet } = judged("sent to Docker when nothing has changed", builds);
    assert.deepEqual([figure, isMet], ["0 bytes", true]);
  });

  it("counts the slowest of several figures, and is missed where one is lacking", () => {
    const both = [row("backend killed", "4.0"), row("frontend killed", "11.0")];
    const find = (service: readonly any[]) => judged("failed pod replaced", [], service);
    assert.deepEqual([find(both).figure, find(both).isMet], ["11.0 s", false]);
    const one = find(both.slice(0, 1));
    assert.deepEqual([one.figure, one.isMet], ["not measured", false]);
  });

  it("that is a ratio is about the median of the rounds, and is met by what is asked itself", () => {
    const find = (seconds: readonly string[]) => {
      const delivery = seconds.flatMap((wall_seconds, index) => [
        { round: String(index), tool: "make", step: "no-change", wall_seconds },
        { round: String(index), tool: "pulumi", step: "no-change", wall_seconds: "2" },
      ]);
      const what = "`make up` without a change";
      return judge({ ...NOTHING, delivery }).find((target) => target.what === what)!;
    };
    const { asked, figure, isMet } = find(["2.6", "9", "2"]);
    assert.equal(asked, "at most 1.3 times `pulumi up` without a change");
    assert.deepEqual([figure, isMet], ["1.30 times", true]);
    assert.equal(find(["2.64", "9", "2"]).isMet, false);
    assert.equal(find([]).figure, "not measured");
  });

  it("is in the table with its figure", () => {
    const { targets } = serviceTables({ ...NOTHING, service: [row("missing image", "2.5")] });
    assert.match(targets!, /\| failed pod noticed \| less than 10 s \| 2\.50 s \| yes \|/);
    assert.match(
      targets!,
      /\| deploy, once images exist \| less than 2 min \| not measured \| no \|/,
    );
  });
});
