/** Changes of production that nobody notices. */
import assert from "node:assert/strict";
import { eventually } from "../e2e/support/shell.ts";
import { production, upWithOverrides } from "../e2e/stages/support.ts";
import { LIGHT, useProduction } from "./support.ts";

const WORKLOADS = ["backend", "frontend"];

describe("production, changed under load, loses no request", () => {
  const { survives } = useProduction();

  it("in five rollouts in a row", () =>
    survives("five rollouts in a row", async () => {
      for (let rollout = 0; rollout < 5; rollout += 1) {
        await production.kubectl("rollout restart deployment/backend deployment/frontend");
        await production.rolledOut();
      }
    }));

  it("in a change of the configuration, and back", () =>
    survives("change of the configuration", async () => {
      await upWithOverrides(production, (config) => ({
        "todo-app:tls": { ...config["todo-app:tls"], hstsMaxAgeSeconds: 600 },
      }));
      await production.up();
    }));

  it("in a rotation of the auth secret", async () => {
    try {
      await survives("rotation of the auth secret", () =>
        upWithOverrides(production, () => ({ "todo-app:secretVersions": { auth: 2 } })),
      );
    } finally {
      await production.up();
    }
  });

  it("when the autoscaler takes it from 10 pods each to 2", async () => {
    const atLeast = (replicas: number) =>
      Promise.all(
        WORKLOADS.map((name) =>
          production.kubectl(`patch hpa ${name} -p '{"spec":{"minReplicas":${replicas}}}'`),
        ),
      );
    const reaches = (replicas: number) =>
      eventually(900, async () => {
        for (const name of WORKLOADS)
          assert.equal(await production.count(".status.readyReplicas", name), replicas);
      });
    try {
      await atLeast(10);
      await reaches(10);
      await survives(
        "scale-down from 10 to 2",
        async () => {
          await atLeast(2);
          await reaches(2);
        },
        LIGHT,
      );
    } finally {
      await atLeast(2);
    }
  });
});
