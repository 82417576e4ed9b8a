import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { neededConnections } from "../../components/databaseConnections.ts";
import { parseConfig } from "../../config/load.ts";
import { SERVICES } from "../../config/services.ts";
import { withKeys } from "./support/stages.ts";

const workload = (name: string, connections: number, replicas: number, maxReplicas?: number) => ({
  name,
  connections,
  replicas,
  ...(maxReplicas && { autoscaling: { minReplicas: 1, maxReplicas } }),
  resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "128Mi" } },
});

const numberIn = (file: string, name: string) => {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  return Number(new RegExp(`\\b${name} = (\\d+)`).exec(text)![1]);
};

describe("the connections that the database must accept", () => {
  it("are those of all old and new pods at the largest scale, of the migration and of the superuser", () => {
    const { count } = neededConnections([
      workload("backend", 6, 2),
      workload("frontend", 2, 1, 4),
      workload("worker", 0, 9),
    ]);
    assert.equal(count, 2 * 2 * 6 + 2 * 4 * 2 + 2 + 3);
  });

  it("are for each pod at least the size of its connection pool", () => {
    const database = "app/backend/app/database.py";
    const backend = numberIn(database, "POOL_SIZE") + numberIn(database, "POOL_OVERFLOW");
    assert.ok(SERVICES.backend.connections >= backend, `backend: ${backend}`);
    const frontend = numberIn("app/frontend/lib/database.ts", "CONNECTIONS");
    assert.ok(SERVICES.frontend.connections >= frontend, `frontend: ${frontend}`);
  });

  it("are required of a database inside the cluster; the error shows the sum and the keys", () => {
    const fifty = { backend: { replicas: 50 }, frontend: { replicas: 50 } };
    assert.throws(
      () => parseConfig("dev", withKeys("dev", fifty)),
      ({ message }: Error) => {
        assert.match(
          message,
          /todo-app:database\.maxConnections is missing; allowed: at least 805: .*100 backend pods with 6 each, 100 frontend pods with 2 each, 2 for the migration, 3 kept for the superuser/,
        );
        assert.match(message, /replicas, autoscaling\.maxReplicas of backend and frontend/);
        assert.match(message, /set --stack dev --path 'todo-app:database\.maxConnections' <value>/);
        return true;
      },
    );
    parseConfig("dev", withKeys("dev", { ...fifty, database: { maxConnections: 805 } }));
  });

  it("are not required of an external one, whose owner decides", () => {
    const fifty = { backend: { replicas: 50 }, frontend: { replicas: 50 } };
    parseConfig("staging", withKeys("staging", fifty));
  });
});
