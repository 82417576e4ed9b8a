/**
 * Keeps revisions in the cluster: one immutable Secret each, beside the app. Any machine that may deploy the stage can read
 * them. They are not resources of the stack, which would delete them and report them as changes.
 */
import { OperatorError } from "../errors.ts";
import { request, type Place } from "../kubectl.ts";
import type { Revision } from "./revision.ts";

/** How many revisions of a stage are kept. */
const KEPT = 10;

const MANAGER = "todo-app-ops";
const TYPE = "todo-app/revision";

const nameOf = (number: number) => `revision-${number}`;

/** The Secret of a revision. */
export const secretOf = (revision: Revision) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: nameOf(revision.number),
    labels: {
      "app.kubernetes.io/part-of": "todo-app",
      "app.kubernetes.io/managed-by": MANAGER,
    },
  },
  type: TYPE,
  immutable: true,
  stringData: { revision: JSON.stringify(revision) },
});

async function answerOf(place: Place, command: readonly string[], input?: string) {
  const { code, stdout, output } = await request(place, command, input);
  if (code === 0) return stdout;
  const { context, namespace } = place;
  throw new OperatorError(
    `the revisions in namespace ${namespace} of context "${context}" can't be ` +
      `${command[0] === "get" ? "read" : "changed"}: ${output.trim()}`,
    `the credentials must be allowed to list, create and delete Secrets there: ` +
      `kubectl --context ${context} --namespace ${namespace} auth can-i ${command[0]} secrets`,
  );
}

interface StoredSecret {
  readonly data: { readonly revision: string };
}

/** The revisions of a stage, newest first. */
export async function listRevisions(place: Place): Promise<readonly Revision[]> {
  const selectors = [
    `--selector=app.kubernetes.io/managed-by=${MANAGER}`,
    `--field-selector=type=${TYPE}`,
  ];
  const stdout = await answerOf(place, ["get", "secrets", ...selectors, "--output=json"]);
  const { items } = JSON.parse(stdout) as { readonly items: readonly StoredSecret[] };
  return items
    .map(({ data }) => Buffer.from(data.revision, "base64").toString())
    .map((text) => JSON.parse(text) as Revision)
    .sort((one, other) => other.number - one.number);
}

/**
 * Adds a revision and deletes those that are too old.
 *
 * @param kept the revisions that there are, newest first
 */
export async function addRevision(
  place: Place,
  revision: Revision,
  kept: readonly Revision[],
): Promise<void> {
  // Of two deploys at once, the second one is refused the name, and no revision is written over.
  const create = ["create", `--field-manager=${MANAGER}`, "--filename=-"];
  await answerOf(place, create, JSON.stringify(secretOf(revision)));
  const old = kept.slice(KEPT - 1).map(({ number }) => nameOf(number));
  if (old.length) await answerOf(place, ["delete", "secret", "--ignore-not-found", ...old]);
}
