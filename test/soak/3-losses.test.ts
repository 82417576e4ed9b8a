/** What production loses, pod by pod and node by node. */
import assert from "node:assert/strict";
import { daemon } from "../e2e/support/machine.ts";
import { eventually, sh } from "../e2e/support/shell.ts";
import { busiestNode, production, withDrained } from "../e2e/stages/support.ts";
import { useProduction } from "./support.ts";

const nodes = async () => (await sh("kubectl --context minikube get nodes -o name")).split("\n");

describe("production loses no request", () => {
  const { survives } = useProduction();

  it("when each node in turn is drained", async () => {
    for (const node of await nodes())
      await survives(`drain of ${node}`, () =>
        withDrained(node.replace("node/", ""), () => production.rolledOut()),
      );
  });

  it("when each of its pods in turn is told to go", () =>
    survives("end of each pod in turn", async () => {
      const pods = "get pods -l 'app.kubernetes.io/name in (backend,frontend)' -o name";
      for (const pod of (await production.kubectl(pods)).split("\n")) {
        await production.kubectl(`delete ${pod} --wait --ignore-not-found`);
        await production.rolledOut();
      }
    }));
});

describe("production is served on", () => {
  const { measure } = useProduction();
  /** Longest time without an answer that a user takes for a slow page, not for an outage. */
  const PATIENCE_MS = 5000;

  it("when a pod of each kind is killed at once", async () => {
    const { gapMilliseconds } = await measure("kill of a pod of each kind", async () => {
      for (const name of ["backend", "frontend"]) {
        const pod = await production.kubectl(
          `get pods -l app.kubernetes.io/name=${name} -o name | head -n 1`,
        );
        await production.kubectl(`delete ${pod} --grace-period=0 --force`);
        await production.rolledOut();
      }
    });
    assert.ok(gapMilliseconds < PATIENCE_MS, `no answer for ${gapMilliseconds} ms`);
  });

  it("when a node's kubelet is killed, by the pods elsewhere", async () => {
    const node = await busiestNode(production);
    const readyThere = async () => {
      const { items } = await production.json("get endpointslices");
      return items
        .flatMap(({ endpoints }: any) => endpoints)
        .filter(({ nodeName, conditions }: any) => nodeName === node && conditions.ready);
    };
    try {
      const { gapMilliseconds } = await measure(`kubelet of ${node} killed`, async () => {
        await daemon(`${node}-kubelet`).kill();
        await eventually(180, async () => {
          assert.deepEqual(await readyThere(), [], "its pods are out of service");
        });
      });
      assert.ok(gapMilliseconds < PATIENCE_MS, `no answer for ${gapMilliseconds} ms`);
    } finally {
      await sh("make cluster");
      await sh(`kubectl --context minikube wait node ${node} --for=condition=Ready --timeout=120s`);
      await production.rolledOut();
    }
  });
});
