/** What alerts are for, caused in a stage. */
import assert from "node:assert/strict";
import { quantityOf } from "../../../components/kubernetes/resources.ts";
import { idlePod } from "../../e2e/support/idlePod.ts";
import { processesIn } from "../../e2e/support/machine.ts";
import { eventually, sh } from "../../e2e/support/shell.ts";
import type { ownStage } from "../../e2e/support/ownStage.ts";

type Stage = ReturnType<typeof ownStage>;

/** Kills a container of a service, as often as that, each time once it runs again. @param then is called after each restart */
export async function crash(
  { kubectl }: Stage,
  service: string,
  times: number,
  then: (restarts: number) => Promise<void>,
): Promise<void> {
  const selector = `-l app.kubernetes.io/name=${service}`;
  const pod = (await kubectl(`get pods ${selector} -o name`)).split("\n")[0]!;
  const status = async () =>
    JSON.parse(await kubectl(`get ${pod} -o jsonpath='{.status.containerStatuses[0]}'`));
  const restartCount: number = (await status()).restartCount;
  for (let restarts = 1; restarts <= times; restarts++) {
    const { containerID } = await status();
    const processes = processesIn(containerID.replace("containerd://", ""));
    assert.ok(processes.length);
    for (const pid of processes) process.kill(pid, "SIGKILL");
    // The kubelet waits for 10 s before the second restart, and for 20 s before the third.
    await eventually(90, async () => {
      const now = await status();
      assert.equal(now.restartCount, restartCount + restarts);
      assert.ok(now.state.running);
    });
    await then(restarts);
  }
}

const FILLER = "quota-filler";

/** Starts a pod that takes up so much memory of the quota that this share of it is used. */
export async function fillQuota({ kubectl }: Stage, share: number): Promise<void> {
  const { hard, used } = JSON.parse(
    await kubectl("get resourcequota todo-app -o jsonpath='{.status}'"),
  );
  const memory = "limits.memory";
  const bytes = Math.ceil(share * quantityOf(hard[memory]) - quantityOf(used[memory]));
  const requests = { cpu: "10m", memory: String(bytes) };
  const resources = { requests, limits: { memory: requests.memory } };
  await kubectl(`create -f - <<'JSON'\n${idlePod({ name: FILLER, resources })}\nJSON`);
  await kubectl(`wait pod ${FILLER} --for=condition=Ready --timeout=60s`);
}

export const emptyQuota = ({ kubectl }: Stage) => kubectl(`delete pod ${FILLER} --wait=false`);

/** Keeps every query of the tasks waiting, for that long. */
export const lockTasks = ({ psql }: Stage, seconds: number) =>
  psql(`begin; lock table tasks; select pg_sleep(${seconds}); commit`);

/** Whether scheduled backups can log in to the database. */
export const letBackupsIn = ({ psql }: Stage, yes: boolean) =>
  psql(`alter role todo_backup ${yes ? "login" : "nologin"}`);

/** The authority that signs the certificate of a stage: a Secret that cert-manager needs for each one. */
export function authority({ kubectl }: Stage, name: string, folder: string) {
  return {
    create: async () => {
      await sh(
        `[[ -e ${folder}/crt ]] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 400 ` +
          `-subj '/CN=Authority of a test' -keyout ${folder}/key -out ${folder}/crt 2>&1`,
      );
      await kubectl(`create secret tls ${name} --cert ${folder}/crt --key ${folder}/key`);
    },
    lose: () => kubectl(`delete secret ${name}`),
  };
}

/** Changes when the certificate of a stage ends and is renewed. @param spec fields of the Certificate; null removes one */
export const setCertificate = ({ kubectl }: Stage, spec: object) =>
  kubectl(`patch certificate todo-app --type merge --patch '${JSON.stringify({ spec })}'`);
