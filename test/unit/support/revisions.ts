/** Revisions for tests. */
import type { Revision } from "../../../ops/lib/revisions/revision.ts";

/** An image by digest; another `digit` is another image. */
export const imageOf = (service: string, digit: string) =>
  `localhost:5000/todo-app/${service}@sha256:${digit.repeat(64)}`;

/** A revision with other values than these. */
export const revision = (number: number, changes: Partial<Revision> = {}): Revision => ({
  number,
  time: `2026-01-0${number}T10:20:30.000Z`,
  user: "ana@workstation",
  commit: "0123456789abcdef0123456789abcdef01234567",
  dirty: false,
  outcome: "deployed",
  images: { backend: imageOf("backend", "a"), frontend: imageOf("frontend", "b") },
  migrations: ["0001_create_tasks"],
  stageFile: {
    config: { "todo-app:kubernetesContext": "minikube", "todo-app:backend": { replicas: 2 } },
  },
  ...changes,
});
