/** What a canary's metrics say, and when they end it. */
import assert from "node:assert/strict";
import { countersIn, increase, quantile, sum } from "../../ops/lib/canary/metrics.ts";
import { faultIn, watchCanary, type Bounds, type PodReading } from "../../ops/lib/canary/watch.ts";

const BOUNDS: Bounds = { minutes: 1, maxErrorPercent: 5, maxLatencySeconds: 1 };

/** Metrics of a service that has answered so many requests, and so many of them with 500. */
const metrics = (requests: number, failed = 0, slow = 0) =>
  [
    "# HELP http_requests_total Answered HTTP requests",
    `http_requests_total{method="GET",route="/api/tasks/{task_id}",status="200"} ${requests - failed}.0`,
    `http_requests_total{method="GET",route="/api/tasks",status="500"} ${failed}`,
    'http_requests_total{method="GET",route="/health/ready",status="503"} 1000.0',
    `http_request_duration_seconds_bucket{le="0.1",method="GET",route="/api/tasks"} ${requests - slow}`,
    `http_request_duration_seconds_bucket{le="5.0",method="GET",route="/api/tasks"} ${requests}`,
    `http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/api/tasks"} ${requests}`,
    'http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/api/chat"} 1000',
    'http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/health/live"} 1000',
    "process_start_time_seconds 1.7e+09",
  ].join("\n");
const counters = (...numbers: Parameters<typeof metrics>) => countersIn(metrics(...numbers));

describe("the metrics of a canary", () => {
  it("are its requests without probes, and their durations without streamed answers", () => {
    const { requests, failed, durations } = counters(200, 4, 10);
    assert.deepEqual([requests, failed], [200, 4]);
    assert.deepEqual(
      [...durations],
      [
        [0.1, 190],
        [5, 200],
        [Infinity, 200],
      ],
    );
  });

  it("count from zero after a restart", () => {
    assert.equal(increase(counters(120), counters(100)).requests, 20);
    assert.equal(increase(counters(5), counters(100)).requests, 5);
    assert.equal(sum([counters(5), counters(7)]).durations.get(5), 12);
  });

  it("give a quantile as Prometheus estimates it", () => {
    assert.equal(quantile(counters(100), 0.95).toFixed(3), "0.095");
    // 90 of 100 are in the first bucket: the 95th is in the middle of the second one.
    assert.equal(quantile(counters(100, 0, 10), 0.95).toFixed(2), "2.55");
    const beyond = new Map([
      [10, 50],
      [Infinity, 100],
    ]);
    assert.equal(quantile({ requests: 100, failed: 0, durations: beyond }, 0.95), 10);
    assert.equal(quantile(counters(0), 0.95), 0);
  });

  it("are judged by both bounds, and not where there are too few", () => {
    assert.equal(faultIn(counters(100, 5), BOUNDS), undefined);
    assert.equal(
      faultIn(counters(100, 6), BOUNDS),
      "6.0 % of 100 requests failed, more than canary.maxErrorPercent (5)",
    );
    assert.equal(
      faultIn(counters(100, 0, 10), BOUNDS),
      "5 % of 100 requests took longer than 2.6 s, more than canary.maxLatencySeconds (1)",
    );
    assert.equal(faultIn(counters(49, 49), BOUNDS), undefined);
  });
});

/** Watches pods that show these readings, one after the other; the last one stays. */
async function watch(readings: readonly (readonly PodReading[])[], bounds: Partial<Bounds> = {}) {
  let [now, reading] = [0, 0];
  const lines: string[] = [];
  const fault = await watchCanary(
    { ...BOUNDS, ...bounds },
    {
      pods: () => Promise.resolve(readings[Math.min(reading++, readings.length - 1)]!),
      now: () => now,
      pause: (milliseconds) => Promise.resolve((now += milliseconds)),
      say: (line) => lines.push(line),
    },
  );
  return { fault, lines };
}

const pod = (service: PodReading["service"], changes: Partial<PodReading> = {}): PodReading => ({
  name: `${service}-canary-1`,
  service,
  restarts: 0,
  counters: counters(0),
  ...changes,
});
const both = (backend: Partial<PodReading>, frontend: Partial<PodReading> = {}) => [
  pod("backend", backend),
  pod("frontend", frontend),
];

describe("the watch of a canary", () => {
  it("prints a line for each reading, and says what it could not judge", async () => {
    const { fault, lines } = await watch([
      both({ counters: counters(1000, 900) }),
      both({ counters: counters(1100, 901) }, { counters: counters(1) }),
    ]);
    assert.equal(fault, undefined, "what was before the watch does not count");
    assert.equal(lines.length, 7);
    assert.equal(
      lines[0],
      "  0:10  backend 100 requests, 1.0 % failed, 95 % within 0.10 s; frontend 1 request, too few to judge",
    );
    assert.match(lines[5]!, /^ {2}1:00 /);
    assert.equal(lines[6], "  not judged, because it had fewer than 50 requests: frontend");
  });

  it("ends with the service and the bound that it exceeds", async () => {
    const { fault, lines } = await watch([both({}), both({}, { counters: counters(100, 50) })]);
    assert.deepEqual(fault, {
      service: "frontend",
      reason: "50.0 % of 100 requests failed, more than canary.maxErrorPercent (5)",
    });
    assert.equal(lines.length, 1);
  });

  it("notices a release that begins to fail after a good time", async () => {
    const { fault } = await watch(
      [
        both({}),
        both({ counters: counters(10_000) }),
        ...Array.from({ length: 6 }, () => both({ counters: counters(10_000) })),
        both({ counters: counters(10_200, 100) }),
      ],
      { minutes: 2 },
    );
    assert.match(fault!.reason, /^50\.0 % of 200 requests failed/);
  });

  it("ends when a container was started again, but not for a pod that a drain has replaced", async () => {
    const restarted = await watch([both({ restarts: 1 }), both({ restarts: 2 })]);
    assert.match(restarted.fault!.reason, /^pod backend-canary-1 ended and was started again$/);
    const replaced = await watch([both({ restarts: 1 }), both({ name: "backend-canary-2" })]);
    assert.equal(replaced.fault, undefined);
  });

  it("counts the requests of a new pod from zero", async () => {
    const next = { name: "backend-canary-2", counters: counters(60) };
    const { lines } = await watch([both({ counters: counters(500) }), both(next)]);
    assert.match(lines[0]!, /backend 60 requests/);
  });

  it("ends where the metrics can't be read any more: nobody would notice that it fails", async () => {
    const blind = both({ counters: undefined, problem: "forbidden" });
    const { fault, lines } = await watch([both({}), blind]);
    assert.deepEqual(fault, {
      service: "backend",
      reason: "its metrics can't be read: forbidden",
    });
    assert.equal(lines.length, 3, "a single reading may fail");
    assert.match((await watch([[]])).fault!.reason, /can't be read: no pod runs/);
  });
});
