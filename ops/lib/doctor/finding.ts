/** What a rule of the doctor says, and how findings belong together. */
import type { Snapshot } from "./snapshot.ts";

/** Something that is wrong. */
export interface Found {
  /** The objects that it is about, the first one foremost: `Deployment/backend`. @default none */
  readonly about?: readonly string[];
  readonly problem: string;
  /** What shows it, as the cluster says it. */
  readonly evidence: readonly string[];
  readonly cause: string;
  /** Commands, or what to do before them. */
  readonly fix: string;
}

export interface Rule {
  /** What is wrong, as a name that stays: pipelines compare it. */
  readonly name: string;
  /** What it recognises, for the documentation. */
  readonly knows: string;
  /** Names of the rules whose findings may follow from one of this rule. @default none */
  readonly explains?: readonly string[];
  /**
   * Whether its findings explain only those about the same object.
   *
   * @default false
   */
  readonly only?: "same object";
  readonly find: (snapshot: Snapshot) => readonly Found[];
}

/** A finding with those that follow from it. */
export interface Finding extends Found {
  readonly rule: string;
  readonly follows: readonly Finding[];
}
