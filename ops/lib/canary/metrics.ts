/** What a service counts of its requests, read from its Prometheus metrics. */

/** Counters since the start of a process, or their increase over a time. */
export interface Counters {
  readonly requests: number;
  /** Requests that were answered with a status of 5xx. */
  readonly failed: number;
  /** Requests by the upper bound of their duration in seconds, each count with those of the bounds below it. */
  readonly durations: ReadonlyMap<number, number>;
}

export const NONE: Counters = { requests: 0, failed: 0, durations: new Map() };

/** Requests of Kubernetes itself are no sign of what users get. */
const PROBES = /^\/health\b/;
/** Answers that are streamed while a model writes them; their duration is not that of the service. */
const STREAMED = new Set(["/api/chat"]);

const SAMPLE = /^(\w+)\{(.*)\} (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text format of Prometheus. */
export function countersIn(text: string): Counters {
  let [requests, failed] = [0, 0];
  const durations = new Map<number, number>();
  for (const line of text.split("\n")) {
    const [, name, inner = "", number] = SAMPLE.exec(line) ?? [];
    const labels = new Map([...inner.matchAll(LABEL)].map(([, key, is]) => [key, is]));
    const [route = "", status = "", le = ""] = ["route", "status", "le"].map((key) =>
      labels.get(key),
    );
    if (PROBES.test(route)) continue;
    const value = Number(number);
    if (name === "http_requests_total") {
      requests += value;
      if (status.startsWith("5")) failed += value;
    } else if (name === "http_request_duration_seconds_bucket" && !STREAMED.has(route)) {
      const bound = le === "+Inf" ? Infinity : Number(le);
      durations.set(bound, (durations.get(bound) ?? 0) + value);
    }
  }
  return { requests, failed, durations };
}

function combine(one: Counters, other: Counters, sign: 1 | -1): Counters {
  const bounds = [...new Set([...one.durations.keys(), ...other.durations.keys()])];
  const at = ({ durations }: Counters, bound: number) => durations.get(bound) ?? 0;
  return {
    requests: one.requests + sign * other.requests,
    failed: one.failed + sign * other.failed,
    durations: new Map(
      bounds.map((bound) => [bound, at(one, bound) + sign * at(other, bound)] as const),
    ),
  };
}

export const sum = (all: readonly Counters[]): Counters =>
  all.reduce((total, each) => combine(total, each, 1), NONE);

/** The increase since an earlier reading. A process that was started again counts from zero. */
export const increase = (now: Counters, before: Counters): Counters =>
  now.requests < before.requests ? now : combine(now, before, -1);

/** The share of the requests that failed, in %. */
export const errorPercent = ({ requests, failed }: Counters): number =>
  requests ? (100 * failed) / requests : 0;

/**
 * The duration in seconds that a share of the requests does not exceed, as histogram_quantile of Prometheus estimates it: within
 * a bucket, durations are taken as evenly spread. A request beyond the last bound counts as that bound.
 */
export function quantile({ durations }: Counters, share: number): number {
  const buckets = [...durations].sort(([one], [other]) => one - other);
  const wanted = share * (buckets.at(-1)?.[1] ?? 0);
  let [lower, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= wanted && count > below) {
      if (bound === Infinity) return lower;
      return lower + ((bound - lower) * (wanted - below)) / (count - below);
    }
    [lower, below] = [bound, count];
  }
  return 0;
}
