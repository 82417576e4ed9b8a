/** Watches the rollouts of a stage while the engine waits for them, and notices the first that can't succeed. */
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "../kubectl.ts";
import { clusterSigns, readable } from "./cluster.ts";
import { KINDS, isRolledOut, ofKind, type ApiObject } from "./objects.ts";
import { signsOf, type Sign } from "./signs.ts";

export interface Target {
  readonly context: string;
  readonly namespace: string;
}

/** How the watch reads the cluster and the clock. Tests pass their own. */
export interface Means {
  /** The objects of the namespace; undefined where the API server gave no answer. */
  readonly objects: () => Promise<readonly ApiObject[] | undefined>;
  readonly log: (
    pod: string,
    container: string | undefined,
    previous: boolean,
  ) => Promise<string[]>;
  readonly now: () => number;
  /** @param ref whether this command goes on until the pause is over @default only if something else keeps it alive */
  readonly pause: (milliseconds: number, ref?: boolean) => Promise<unknown>;
}

export interface RolloutFailure extends Sign {
  /** The last log lines of the container that failed. Where it was restarted, they are of the run before that. */
  readonly log: readonly string[];
  readonly target: Target;
}

const POLL_MS = 2_000;
/** Between looks whether a rollout is done. */
const LOOK_MS = 500;
/** The engine reports that an object begins before it sends the object, and the controllers need some time after that. */
const GRACE_MS = 4_000;
/** A sign that was there when the update began is left from an earlier attempt. It gets this long to disappear. */
const LEFTOVER_MS = 30_000;
const LOG_LINES = 20;

/** Reads the cluster with kubectl. */
export function kubectlMeans(target: Target): Means {
  const kubectl = (...args: string[]) => request(target, args);
  return {
    objects: async () => {
      const { code, stdout } = await kubectl("get", KINDS, "--output=json");
      return code === 0 ? (JSON.parse(stdout) as { items: ApiObject[] }).items : undefined;
    },
    log: async (pod, container, previous) => {
      const named = container ? [`--container=${container}`] : [];
      const lines = async (...flags: string[]) => {
        const { code, stdout } = await kubectl(
          "logs",
          pod,
          `--tail=${LOG_LINES}`,
          ...named,
          ...flags,
        );
        // The container runtime may have removed the log. kubectl prints that as if it were the log, with exit code 0.
        const text = stdout.replace(/^unable to retrieve container logs for .*$/m, "").trim();
        return code === 0 && text ? text.split("\n") : [];
      };
      const before = previous ? await lines("--previous") : [];
      return before.length ? before : lines();
    },
    now: Date.now,
    // The command does not wait for the next look once everything else is done.
    pause: (milliseconds, ref = false) => sleep(milliseconds, undefined, { ref }),
  };
}

interface Begun {
  readonly kind: string;
  readonly name: string;
  readonly at: number;
}

const objectOf = ({ kind, name }: Begun, objects: readonly ApiObject[]) =>
  ofKind(objects, kind).find(({ metadata }) => metadata.name === name);

function signsAbout(begun: Begun, objects: readonly ApiObject[]): readonly Sign[] {
  if (begun.kind === "Cluster") return clusterSigns(objects, begun.name, begun.at);
  const object = objectOf(begun, objects);
  return object ? signsOf(objects, object, begun.at) : [];
}

export class RolloutWatch {
  /** Settles only when a rollout is sure to fail. */
  readonly failure: Promise<RolloutFailure>;
  private readonly begun = new Map<string, Begun>();
  /** The workloads that the engine has finished, and that have pods as long as they exist. */
  private readonly finished = new Map<string, Begun>();
  /** When each sign was first seen. For a sign that an earlier attempt left, a time in the future. */
  private readonly since = new Map<string, number>();
  private readonly looked = new Set<Begun>();
  private readonly target: Target;
  private readonly means: Means;
  private readonly stopped = new AbortController();

  constructor(target: Target, means: Means = kubectlMeans(target)) {
    this.target = target;
    this.means = means;
    this.failure = new Promise((resolve) => void this.poll(resolve));
  }

  /** The engine is about to create or update this object. */
  begin(kind: string, name: string): void {
    this.begun.set(`${kind}/${name}`, { kind, name, at: this.means.now() });
  }

  /** The engine has finished this object. */
  end(kind: string, name: string): void {
    const key = `${kind}/${name}`;
    const begun = this.begun.get(key);
    if (begun && kind !== "Job") this.finished.set(key, begun);
    this.begun.delete(key);
  }

  /**
   * Waits until the workloads that the engine has finished are rolled out, and watches them meanwhile. The provider may take one for
   * done too early, while the old pods are ready: where the number of pods and their template change at once, as the controller first
   * scales the old pods, and where the controller has not looked at the change yet.
   */
  async rolledOut(): Promise<void> {
    while (this.finished.size && !this.stopped.signal.aborted) {
      const objects = await this.means.objects();
      if (!objects) return; // an API server that gives no answer does not fail a deploy that the engine has finished
      for (const [key, begun] of this.finished) {
        const object = objectOf(begun, objects);
        if (object && !isRolledOut(object)) this.begun.set(key, begun);
        else for (const map of [this.begun, this.finished]) map.delete(key);
      }
      if (this.finished.size) await this.means.pause(LOOK_MS, true);
    }
  }

  /**
   * Looks once more at every object that is not finished. The engine may fail before this watch is sure of a failure.
   *
   * @returns the failure with what the engine does not report, such as log lines; undefined where the cluster shows none
   */
  async look(): Promise<RolloutFailure | undefined> {
    const objects = this.begun.size ? await this.means.objects() : undefined;
    const [sign] = [...this.begun.values()].flatMap((begun) =>
      objects ? signsAbout(begun, objects) : [],
    );
    return sign && this.withLog(sign);
  }

  stop(): void {
    this.stopped.abort();
  }

  private async poll(resolve: (failure: RolloutFailure) => void): Promise<void> {
    while (!this.stopped.signal.aborted) {
      await this.means.pause(POLL_MS);
      const ripe = [...this.begun.values()].filter(({ at }) => this.means.now() - at >= GRACE_MS);
      const objects = ripe.length ? await this.means.objects() : undefined;
      const sign = objects && this.overdue(ripe, objects);
      if (!sign) continue;
      resolve(await this.withLog(sign));
      return;
    }
  }

  private async withLog(sign: Sign): Promise<RolloutFailure> {
    const { pod, container, previous = false } = sign;
    const log = pod ? await this.means.log(pod, container, previous) : [];
    return { ...sign, log: readable(log), target: this.target };
  }

  /** The first sign that has lasted longer than it is tolerated. */
  private overdue(ripe: readonly Begun[], objects: readonly ApiObject[]): Sign | undefined {
    const now = this.means.now();
    const present = new Map<string, Sign>();
    for (const begun of ripe) {
      const isFirst = !this.looked.has(begun);
      this.looked.add(begun);
      for (const sign of signsAbout(begun, objects)) {
        // Kubernetes alternates between the two reasons of a failed pull, so both count as one sign.
        const reason = sign.reason.replace(/^ErrImagePull$/, "ImagePullBackOff");
        const key = `${sign.workload} ${sign.pod} ${reason}`;
        present.set(key, sign);
        const isLeftover = isFirst && isOlder(sign, objects, begun.at);
        if (!this.since.has(key)) this.since.set(key, isLeftover ? now + LEFTOVER_MS : now);
      }
    }
    for (const key of this.since.keys()) if (!present.has(key)) this.since.delete(key);
    for (const [key, sign] of present)
      if (now - this.since.get(key)! >= sign.tolerated * 1000) return sign;
    return undefined;
  }
}

/** Whether the pod that shows the sign is older than the update. */
function isOlder({ pod }: Sign, objects: readonly ApiObject[], begun: number): boolean {
  const found = ofKind(objects, "Pod").find(({ metadata }) => metadata.name === pod);
  // Kubernetes records whole seconds, and the cluster's clock may differ from the one of this machine.
  return !!found && Date.parse(found.metadata.creationTimestamp ?? "") < begun - 2_000;
}
