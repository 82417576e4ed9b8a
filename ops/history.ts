/** `make history`: the revisions of a stage, newest first, and what each has changed. */
import { command } from "./lib/command.ts";
import { printJson } from "./lib/output.ts";
import { differences } from "./lib/revisions/differences.ts";
import { describe, type Listed } from "./lib/revisions/describe.ts";
import { listRevisions } from "./lib/revisions/store.ts";
import { STAGE_ARGUMENTS, settingsOf, stageArgument, type Stage } from "./lib/stage.ts";

/** The output of `history --json`. Keys may be added; those that are here keep their meaning. */
interface History {
  readonly stage: string;
  readonly context: string;
  readonly namespace: string;
  /** Newest first. */
  readonly revisions: readonly Listed[];
}

async function historyOf(stage: Stage): Promise<History> {
  const place = await settingsOf(stage);
  const revisions = await listRevisions(place);
  return {
    stage: stage.name,
    context: place.context,
    namespace: place.namespace,
    revisions: revisions.map((revision, index) => {
      const before = revisions[index + 1];
      const { number, time, user, outcome, images, commit, dirty, migrations } = revision;
      const kept = { number, time, user, outcome, images };
      const source = { commit: commit ?? null, dirty: dirty ?? null };
      const changes = before ? differences(before, revision) : null;
      return { ...kept, ...source, migrations: migrations ?? null, differences: changes };
    }),
  };
}

function show({ stage, context, namespace, revisions }: History): void {
  if (!revisions.length) {
    process.stdout.write(
      `no revision of ${stage} is kept; the next make up STAGE=${stage} that succeeds records one\n`,
    );
    return;
  }
  process.stdout.write(
    `revisions of ${stage}, in namespace ${namespace} of context ${context}\n\n` +
      `${revisions.map(describe).join("\n")}\n` +
      `make rollback STAGE=${stage} TO=<number> goes back to one of them\n`,
  );
}

await command(
  {
    name: "history",
    summary:
      "Lists the last ten revisions of a stage, newest first: when, by whom and from which commit it was deployed, its images, " +
      "and what differs from the revision before. A deploy that changes nothing is no revision.",
    usage: STAGE_ARGUMENTS,
    example: "make history STAGE=staging",
    options: { json: "print the revisions as JSON, without the values of secrets" },
  },
  async ({ args, options }) => {
    const history = await historyOf(stageArgument(args));
    if (options.json) printJson(history);
    else show(history);
  },
);
