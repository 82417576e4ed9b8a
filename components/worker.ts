import * as pulumi from "@pulumi/pulumi";
import { createWorkload, type WorkloadArgs } from "./workload.ts";

/** Seconds that a worker has to finish what it is at. */
const GRACE_PERIOD_SECONDS = 60;

export interface WorkerArgs extends Omit<WorkloadArgs, "callers"> {
  /** Seconds from SIGTERM to SIGKILL: the time to finish what it is at. @default 60 */
  readonly gracePeriodSeconds?: number;
}

/** One workload that nobody calls: Deployment, ServiceAccount, HPA, PodDisruptionBudget and NetworkPolicy, all named alike. */
export class Worker extends pulumi.ComponentResource {
  constructor(name: string, args: WorkerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Worker", name, {}, opts);

    const { gracePeriodSeconds = GRACE_PERIOD_SECONDS, ...workload } = args;
    createWorkload(this, name, { ...workload, callers: [] }, { container: {}, gracePeriodSeconds });

    this.registerOutputs({});
  }
}
