import * as pulumi from "@pulumi/pulumi";
import { createWorkload, type WorkloadArgs } from "./workload.ts";

/** Seconds that a worker has to finish its task in progress, if `gracePeriodSeconds` is not set. */
const GRACE_PERIOD_SECONDS = 60;

export interface WorkerArgs extends Omit<WorkloadArgs, "callers"> {
  /** Seconds from SIGTERM to SIGKILL: the time to finish the task in progress. @default 60 */
  readonly gracePeriodSeconds?: number;
}

/**
 * One workload that accepts no connections: Deployment, ServiceAccount, HPA, PodDisruptionBudget and NetworkPolicy, all
 * with the same name.
 */
export class Worker extends pulumi.ComponentResource {
  constructor(name: string, args: WorkerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Worker", name, {}, opts);

    const { gracePeriodSeconds = GRACE_PERIOD_SECONDS, ...workload } = args;
    createWorkload(this, name, { ...workload, callers: [] }, { container: {}, gracePeriodSeconds });

    this.registerOutputs({});
  }
}
