/**
 * Objectives of the web services, and alerts on how fast their error budgets are used up, over two windows each:
 * https://sre.google/workbook/alerting-on-slos/
 */
import type { Alert } from "./alerts.ts";
import type { Scope } from "./scope.ts";

/** A query whose result is stored under a name. */
export interface Recording {
  readonly record: string;
  readonly expr: string;
}

/** Requests that are slower than this, in seconds, count as slow. It is a bucket of the histograms of both services. */
const SLOW_SECONDS = 1;
/** The same bucket as the client libraries of Node.js and of Python write it. */
const SLOW_BUCKET = `le=~"${SLOW_SECONDS}|${SLOW_SECONDS}\\\\.0"`;
/** Fewer bad requests than this in the long window raise no alarm: at night, one of ten would be a tenth. */
const FEWEST_BAD = 10;

/** Probes say nothing about users. */
const USERS = 'route!~"/health.*"';
/** An answer of the assistant is a stream that takes as long as the language model does. */
const NO_STREAM = 'route!~"/health.*|/api/chat"';

interface Objective {
  readonly alert: string;
  /** Name of the recorded ratio. */
  readonly name: string;
  /** Share of the requests that may be bad. */
  readonly budget: number;
  /** Functions of the window: how many requests came in it, and how many of them were bad. */
  readonly all: (window: string) => string;
  readonly bad: (window: string) => string;
  readonly summary: string;
}

function objectivesOf({ services, of }: Scope): Objective[] {
  const job = `job=~"${services.join("|")}"`;
  const sum = (metric: string, matchers: readonly string[]) => (window: string) =>
    `sum by (namespace, job) (increase(${metric}${of(job, ...matchers)}[${window}]))`;
  const requests = sum("http_requests_total", [USERS]);
  const errors = sum("http_requests_total", [USERS, 'status=~"5.."']);
  const timed = sum("http_request_duration_seconds_count", [NO_STREAM]);
  const quick = sum("http_request_duration_seconds_bucket", [NO_STREAM, SLOW_BUCKET]);
  return [
    {
      alert: "AppErrors",
      name: "http_errors",
      budget: 0.001,
      all: requests,
      bad: (window) => `(${errors(window)} or 0 * ${requests(window)})`,
      summary:
        "{{ $labels.job }} answers {{ $value | humanizePercentage }} of the requests with an error (5xx)",
    },
    {
      alert: "AppSlow",
      name: "http_slow",
      budget: 0.01,
      all: timed,
      bad: (window) => `(${timed(window)} - ${quick(window)})`,
      summary: `{{ $labels.job }} answers {{ $value | humanizePercentage }} of the requests in more than ${SLOW_SECONDS} s`,
    },
  ];
}

/** How many times faster than allowed the budget is used up, over a long window and still over a short one. */
interface Burn {
  readonly factor: number;
  readonly long: string;
  readonly short: string;
}

/** The first of each uses 2 % of a month's budget in an hour, the last ones 10 % in three days. */
const BURNS: Readonly<Record<Alert["severity"], readonly Burn[]>> = {
  critical: [
    { factor: 14.4, long: "1h", short: "5m" },
    { factor: 6, long: "6h", short: "30m" },
  ],
  warning: [
    { factor: 3, long: "1d", short: "2h" },
    { factor: 1, long: "3d", short: "6h" },
  ],
};
const WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

const ratio = (name: string, window: string) => `namespace_job:${name}:ratio${window}`;

/** The share of bad requests of each service, over each window. Where there was no request, there is no share. */
export const recordingsOf = (scope: Scope): Recording[] =>
  objectivesOf(scope).flatMap(({ name, all, bad }) =>
    WINDOWS.map((window) => ({
      record: ratio(name, window),
      expr: `${bad(window)} / (${all(window)} > 0)`,
    })),
  );

function burnAlert({ of }: Scope, objective: Objective, severity: Alert["severity"]): Alert {
  const { alert, name, budget, bad, summary } = objective;
  const conditions = BURNS[severity].map(({ factor, long, short }) => {
    const above = (window: string) =>
      `${ratio(name, window)}${of()} > ${Number((factor * budget).toFixed(6))}`;
    return `(${above(long)} and ${above(short)} and ${bad(long)} >= ${FEWEST_BAD})`;
  });
  return { name: alert, severity, expr: conditions.join(" or "), summary };
}

/** Alerts on the objectives: `critical` while a budget is used up within days, `warning` within weeks. */
export const objectiveAlertsOf = (scope: Scope): Alert[] =>
  objectivesOf(scope).flatMap((objective) =>
    (["critical", "warning"] as const).map((severity) => burnAlert(scope, objective, severity)),
  );
