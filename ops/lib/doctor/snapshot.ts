/** What a stage and its surroundings look like at one moment. The rules of the doctor read nothing else. */
import { NAME_LABEL } from "../../../components/kubernetes/labels.ts";
import type { Stage as Configuration } from "../../../config/schema.ts";
import type { DriftedObject } from "../drift/drift.ts";
import type { Finding as Need } from "../preflight/findings.ts";
import { signsOf, type Sign } from "../watch/signs.ts";
import type { LiveObject } from "./objects.ts";

/** How full a volume is, in bytes. */
export interface Volume {
  readonly claim: string;
  readonly used: number;
  readonly size: number;
}

/** What the program `check_inside.py` has found in a backend pod. */
export interface Inside {
  readonly pod: string;
  /** Why the name of the database can't be resolved there; empty if it can, or if there is nothing to resolve. */
  readonly dns: string;
  /** Why the database can't be used from there; empty if it can. */
  readonly database: string;
}

/** The lock on the stack of the stage. */
export interface Lock {
  /** `ana@workstation, process 4711, since 2026-03-02T14:05:11Z` */
  readonly owner: string;
  /** Whether its owner is a command of this machine that has ended. */
  readonly dead: boolean;
}

/** What the host name of the stage leads to from this machine. */
export interface Host {
  readonly name: string;
  /** None where the name is not resolved. */
  readonly addresses: readonly string[];
  /** Whether the app answers there. */
  readonly answers: boolean;
}

export interface Snapshot {
  readonly stage: string;
  readonly context: string;
  readonly namespace: string;
  /** The time on this machine, in milliseconds. */
  readonly here: number;
  /** The time of the API server, in milliseconds, exact to a second. */
  readonly now: number;
  /** Undefined where the configuration is wrong. */
  readonly config?: Configuration;
  /** The objects in the namespace of the stage. */
  readonly objects: readonly LiveObject[];
  /** Objects outside of it: of the cluster, and of the namespaces whose services the stage uses. */
  readonly around: readonly LiveObject[];
  /** The last log lines of containers that are in trouble, by `<pod>/<container>`. */
  readonly logs: Readonly<Record<string, readonly string[]>>;
  /** What preflight finds: what the stage needs of the cluster, and the cluster does not have. */
  readonly needs: readonly Need[];
  readonly volumes: readonly Volume[];
  /** Undefined where no backend pod could look. */
  readonly inside?: Inside;
  /** What was changed by hand; undefined where that is not known. */
  readonly drift?: readonly DriftedObject[];
  readonly lock?: Lock;
  /** Operations that a killed deploy has left, such as `creating Deployment backend`. */
  readonly pending: readonly string[];
  readonly host?: Host;
  /** What could not be looked at, each with the reason. */
  readonly unread: readonly string[];
}

/** How long events and ends of containers count, in milliseconds. */
export const RECENT_MS = 15 * 60_000;

export const ofKind = (objects: readonly LiveObject[], ...kinds: readonly string[]) =>
  objects.filter(({ kind }) => kinds.includes(kind));

export const find = (objects: readonly LiveObject[], kind: string, name: string) =>
  ofKind(objects, kind).find(({ metadata }) => metadata.name === name);

export const parseTime = (time: string | undefined) => Date.parse(time ?? "") || 0;

export const isRecent = ({ now }: Snapshot, time: string | undefined) =>
  now - parseTime(time) < RECENT_MS;

/** Whether the account may not list a resource of a namespace. That nothing was found there then says nothing. */
export const isHidden = ({ unread }: Snapshot, resource: string, namespace: string) =>
  unread.some((text) =>
    [`cannot list resource "${resource}"`, `in the namespace "${namespace}"`].every((part) =>
      text.includes(part),
    ),
  );

/** `kubectl` for the namespace of the stage, or for the whole cluster, as the beginning of a command line. */
export const kubectlOf = ({ context, namespace }: Snapshot, isNamespaced = true) =>
  `kubectl --context ${context}${isNamespaced ? ` --namespace ${namespace}` : ""}`;

/** The signs of trouble that `make up` watches for, of every workload of the stage. */
export const signsIn = ({ objects, now }: Pick<Snapshot, "objects" | "now">): readonly Sign[] =>
  ofKind(objects, "Deployment", "StatefulSet", "Job").flatMap((workload) =>
    signsOf(objects, workload, now - RECENT_MS),
  );

/** The newest object of a list. */
export const newest = (objects: readonly LiveObject[]) =>
  objects.toSorted(
    (one, other) =>
      parseTime(other.metadata.creationTimestamp) - parseTime(one.metadata.creationTimestamp),
  )[0];

export const isLabelled = (name: string) => (object: LiveObject) =>
  object.metadata.labels?.[NAME_LABEL] === name;
