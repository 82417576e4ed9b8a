/** What every tool that delivers the objects is measured by. */

/** The steps in the order in which they are measured, and what each one is. */
export const STEPS = {
  deploy: "first deploy, until everything is ready",
  "no-change": "the same deploy again",
  preview: "what a deploy would change, which is nothing",
  image: "another image of the backend, until its pods have replaced the others",
  rollback: "back to the release before that one, likewise",
  change: "a third pod for the backend, until it is ready",
  destroy: "remove everything, until it is gone",
} as const;

/** The name of a step. */
export type Step = keyof typeof STEPS;

/** The releases that are deployed: the first one, and two that differ from it. */
export const RELEASES = ["base", "image", "changed"] as const;

/** The name of a release. */
export type Release = (typeof RELEASES)[number];

/** Where the inputs of the tools are: a folder for each release, all with the same files. */
export interface Inputs {
  readonly folder: string;
}

/** A tool, or a way to use one. Its lines are bash, and run in the folder of the project. */
export interface Tool {
  readonly name: string;
  /** Runs once before the rounds, and is not measured. @default nothing */
  readonly prepare?: string;
  /** Removes what an interrupted run left behind. @default nothing is left but the stage, which is removed for every tool */
  readonly clean?: string;
  /** Prints what the tool has recorded of a deployed release. @default it records nothing */
  readonly record?: string;
  /** What is measured. A step that the tool lacks is left out. */
  readonly steps: Readonly<Partial<Record<Step, string>>>;
}
