/** Watches a canary for a while, and says whether it has to be aborted. */
import { SERVICE_NAMES, type ServiceName } from "../../../config/services.ts";
import { NONE, errorPercent, increase, quantile, sum, type Counters } from "./metrics.ts";

/** The bounds of a canary, and how long it is watched. */
export interface Bounds {
  readonly minutes: number;
  readonly maxErrorPercent: number;
  readonly maxLatencySeconds: number;
}

/** What a pod of the canary shows. */
export interface PodReading {
  readonly name: string;
  readonly service: ServiceName;
  /** How often its container was started again. */
  readonly restarts: number;
  /** Undefined where the metrics could not be read. */
  readonly counters?: Counters;
  /** Why they could not be read. */
  readonly problem?: string;
}

/** Why a canary has to be aborted. */
export interface Fault {
  readonly service: ServiceName;
  readonly reason: string;
}

/** How the watch sees the canary and the clock. Tests pass their own. */
export interface Means {
  readonly pods: () => Promise<readonly PodReading[]>;
  readonly now: () => number;
  readonly pause: (milliseconds: number) => Promise<unknown>;
  readonly say: (line: string) => void;
}

const INTERVAL_MS = 10_000;
/** Readings that also are judged by themselves: a release that fails after some minutes must not hide behind the time before. */
const RECENT = 6;
/** With fewer requests, a single failure would decide. */
const LEAST_REQUESTS = 50;
/** Readings in a row without the metrics of a service after which the canary counts as not watched. */
const MOST_MISSED = 3;
const SHARE = 0.95;

/** Why a service has to be taken back by what it counted; undefined where it does not. */
export function faultIn(
  counters: Counters,
  { maxErrorPercent, maxLatencySeconds }: Bounds,
): string | undefined {
  const { requests } = counters;
  if (requests < LEAST_REQUESTS) return undefined;
  const errors = errorPercent(counters);
  if (errors > maxErrorPercent)
    return `${errors.toFixed(1)} % of ${requests} requests failed, more than canary.maxErrorPercent (${maxErrorPercent})`;
  const latency = quantile(counters, SHARE);
  if (latency > maxLatencySeconds)
    return `5 % of ${requests} requests took longer than ${latency.toFixed(1)} s, more than canary.maxLatencySeconds (${maxLatencySeconds})`;
  return undefined;
}

function inWords(service: string, counters: Counters): string {
  const { requests } = counters;
  const count = `${service} ${requests} ${requests === 1 ? "request" : "requests"}`;
  if (requests < LEAST_REQUESTS) return `${count}, too few to judge`;
  const latency = quantile(counters, SHARE);
  return `${count}, ${errorPercent(counters).toFixed(1)} % failed, 95 % within ${latency.toFixed(2)} s`;
}

/** "0:10" */
const clock = (milliseconds: number): string => {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};

/** What was seen of one service. */
class Seen {
  readonly service: ServiceName;
  /** The increase at each reading. */
  readonly increases: Counters[] = [];
  private missed = 0;
  private problem = "no pod runs";
  private restarted?: string;
  private readonly pods = new Map<string, { counters?: Counters; restarts: number }>();

  constructor(service: ServiceName) {
    this.service = service;
  }

  /** @param isFirst whether the pods had requests before the watch, which do not count */
  add(readings: readonly PodReading[], isFirst: boolean): void {
    const increases = readings.flatMap(({ name, restarts, counters }): Counters[] => {
      const before = this.pods.get(name) ?? { counters: NONE, restarts: isFirst ? restarts : 0 };
      if (restarts > before.restarts) this.restarted = name;
      this.pods.set(name, { counters: counters ?? before.counters, restarts });
      return counters && !isFirst ? [increase(counters, before.counters ?? NONE)] : [];
    });
    const isRead = readings.some(({ counters }) => counters);
    this.missed = isRead ? 0 : this.missed + 1;
    this.problem = readings.find(({ problem }) => problem)?.problem ?? "no pod runs";
    if (!isFirst) this.increases.push(sum(increases));
  }

  get total(): Counters {
    return sum(this.increases);
  }

  /** Why the canary has to be aborted; undefined where it does not. */
  fault(bounds: Bounds): string | undefined {
    if (this.restarted) return `pod ${this.restarted} ended and was started again`;
    if (this.missed >= MOST_MISSED) return `its metrics can't be read: ${this.problem}`;
    const recent = sum(this.increases.slice(-RECENT));
    return faultIn(this.total, bounds) ?? faultIn(recent, bounds);
  }
}

/**
 * Watches a canary, and prints a line for each reading.
 *
 * @returns why it has to be aborted; undefined where nothing speaks against it
 */
export async function watchCanary(bounds: Bounds, means: Means): Promise<Fault | undefined> {
  const services = SERVICE_NAMES.map((service) => new Seen(service));
  const begin = means.now();
  const look = async (isFirst: boolean) => {
    const pods = await means.pods();
    for (const seen of services)
      seen.add(
        pods.filter(({ service }) => service === seen.service),
        isFirst,
      );
  };
  await look(true);
  while (means.now() - begin < bounds.minutes * 60_000) {
    await means.pause(INTERVAL_MS);
    await look(false);
    const words = services.map(({ service, total }) => inWords(service, total));
    means.say(`  ${clock(means.now() - begin)}  ${words.join("; ")}`);
    for (const seen of services) {
      const reason = seen.fault(bounds);
      if (reason) return { service: seen.service, reason };
    }
  }
  const idle = services.filter(({ total }) => total.requests < LEAST_REQUESTS);
  if (idle.length)
    means.say(
      `  not judged, because it had fewer than ${LEAST_REQUESTS} requests: ${idle.map(({ service }) => service).join(", ")}`,
    );
  return undefined;
}
