/** Faults of the database and of its volume. */
import { drifted, fault, notReady, unhealthy, noEndpoints, job, type Fault } from "./fault.ts";
import { change, object, plus, warning, without } from "./snapshot.ts";

export const DATABASE_FAULTS: readonly Fault[] = [
  fault(
    "database-down",
    "a database that was scaled to 0",
    [
      change("StatefulSet", "postgres", (found) =>
        Object.assign(found, { spec: { replicas: 0 }, status: { observedGeneration: 1 } }),
      ),
      noEndpoints("postgres"),
      notReady,
      unhealthy,
      () => ({ inside: { pod: "backend-1-b", dns: "", database: "connection refused" } }),
    ],
    /scaled to 0.*scale statefulset\/postgres --replicas 1/s,
    ["database-unreachable", "workload-not-ready", "service-without-endpoints"],
  ),
  fault(
    "database-down",
    "a database that is gone",
    [without("StatefulSet", "postgres")],
    /there is no database server/,
  ),
  fault(
    "database-password",
    "a password that was changed by hand",
    [
      drifted("Secret", "secrets-backend-1"),
      notReady,
      unhealthy,
      () => ({
        inside: {
          pod: "backend-1-b",
          dns: "",
          database:
            'connection failed: FATAL: password authentication failed for user "todo_app_a"',
        },
      }),
    ],
    /refuses the password.*secrets-backend-1.*make heal/s,
    ["secret-changed", "workload-not-ready"],
  ),
  fault(
    "database-password",
    "a password that the log names",
    [
      () => ({
        logs: {
          "migration-x/migration": ['FATAL: password authentication failed for user "todo"'],
        },
      }),
    ],
    /make rotate STAGE=dev SECRET=databasePassword/,
  ),
  fault(
    "dns-blocked",
    "a pod that gets no answer from the name service",
    [
      () => ({
        inside: {
          pod: "backend-1-a",
          dns: "postgres: Name or service not known",
          database: "failed to resolve host 'postgres'",
        },
      }),
    ],
    /Name or service not known/,
  ),
  fault(
    "database-unreachable",
    "a database that does not answer a pod",
    [() => ({ inside: { pod: "backend-1-a", dns: "", database: "connection timeout expired" } })],
    /connection timeout expired/,
  ),
  fault(
    "migration-failed",
    "a migration that has failed",
    [job("migration-2", "migration", "column exists")],
    /BackoffLimitExceeded.*log: column exists/s,
  ),
  fault(
    "volume-pending",
    "a claim of a class that does not exist",
    [
      plus(
        object("PersistentVolumeClaim", "x", {
          spec: { storageClassName: "fast" },
          status: { phase: "Pending" },
        }),
        warning(
          "PersistentVolumeClaim/x",
          "ProvisioningFailed",
          'storageclass.storage.k8s.io "fast" not found',
        ),
      ),
    ],
    /there is no StorageClass fast; there are: standard/,
  ),
  fault(
    "volume-full",
    "a volume that is almost full",
    [() => ({ volumes: [{ claim: "postgres-data", used: 90, size: 100 }] })],
    /90 % full.*todo-app:database\.storage/s,
  ),
];
