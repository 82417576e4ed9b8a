/** What is divided by what: wall times of one round, which were measured one after the other. */
import type { Row } from "../csv.ts";
import { inWords, summarise, type Summary } from "../statistics.ts";
import { table } from "./table.ts";

/** A tool and its step, such as `make preview`, and another one. */
interface Ratio {
  readonly of: string;
  readonly what: string;
  readonly by: string;
  readonly than: string;
  /** What the project asks of it: at most so much. @default nothing */
  readonly atMost?: number;
}

export const RATIOS: readonly Ratio[] = [
  {
    of: "pulumi preview",
    what: "`pulumi preview` of the stage",
    by: "empty program preview",
    than: "the same of an empty program",
    atMost: 1.5,
  },
  {
    of: "pulumi no-change",
    what: "`pulumi up` of the stage without a change",
    by: "empty program no-change",
    than: "the same of an empty program",
    atMost: 1.6,
  },
  {
    of: "make no-change",
    what: "`make up` without a change",
    by: "pulumi no-change",
    than: "`pulumi up` without a change",
    atMost: 1.3,
  },
  {
    of: "pulumi preview",
    what: "`pulumi preview` of the stage",
    by: "opentofu preview",
    than: "`tofu plan`, which also reads every object from the cluster",
    atMost: 1,
  },
  { of: "make preview", what: "`make preview`", by: "pulumi preview", than: "`pulumi preview`" },
  {
    of: "make deploy",
    what: "`make up`, first deploy",
    by: "pulumi deploy",
    than: "`pulumi up`, first deploy",
  },
  {
    of: "make deploy",
    what: "`make up`, first deploy",
    by: "helm deploy",
    than: "`helm upgrade --install --wait`",
    atMost: 1.15,
  },
];

/** The wall time of each round, by round, of a tool and its step. */
function roundsOf(delivery: readonly Row[], run: string): ReadonlyMap<string, number> {
  const rows = delivery.filter(({ tool, step }) => `${tool} ${step}` === run);
  return new Map(rows.map(({ round, wall_seconds }) => [round!, Number(wall_seconds)]));
}

/** A ratio in all rounds; undefined where it was not measured. */
export function ratioOf(delivery: readonly Row[], { of, by }: Ratio): Summary | undefined {
  const [times, others] = [roundsOf(delivery, of), roundsOf(delivery, by)];
  const ratios = [...times].flatMap(([round, time]) => {
    const other = others.get(round);
    return other === undefined ? [] : [time / other];
  });
  return ratios.length ? summarise(ratios) : undefined;
}

export function ratioTable(delivery: readonly Row[]): string {
  const rows = RATIOS.map((ratio) => {
    const summary = ratioOf(delivery, ratio);
    return [ratio.what, ratio.than, summary ? inWords(summary) : ""];
  });
  return table(["", "divided by", "ratio"], rows);
}
