/** What the project asks of itself, and what was measured. */
import { perCopy } from "../scale/tables.ts";
import { rounded } from "../statistics.ts";
import type { Row } from "../csv.ts";
import { RATIOS, ratioOf } from "./ratios.ts";

/** The results that targets are about. */
export type Measurements = Readonly<
  Record<"builds" | "service" | "scale" | "delivery" | "facts", readonly Row[]>
>;

interface Target {
  readonly what: string;
  readonly asked: string;
  /** The figure must be smaller; or, with `atMost`, it may be as large. */
  readonly below: number;
  readonly atMost?: true;
  /** @default seconds */
  readonly unit?: string;
  /** Every figure that was measured; the largest one counts. */
  readonly figures: (measured: Measurements) => readonly (string | undefined)[];
}

/** A target, and whether it is met. */
export interface Judged {
  readonly what: string;
  readonly asked: string;
  readonly figure: string;
  readonly isMet: boolean;
}

/** A column of the stack's own build. */
const build =
  (name: string, column: string) =>
  ({ builds }: Measurements) =>
    builds
      .filter((row) => row.build === name && row.tool === "pulumi up")
      .map((row) => row[column]);

const seconds =
  (...scenarios: readonly string[]) =>
  ({ service }: Measurements) =>
    scenarios.map((name) => service.find(({ scenario }) => scenario === name)?.seconds);

/** The ratios of which something is asked. The median of the rounds counts. */
const ratios = RATIOS.flatMap((ratio): Target[] => {
  const { what, than, atMost } = ratio;
  if (atMost === undefined) return [];
  const figures = ({ delivery }: Measurements) => {
    const summary = ratioOf(delivery, ratio);
    return [summary && String(summary.median)];
  };
  const asked = `at most ${atMost} times ${than}`;
  return [{ what, asked, below: atMost, atMost: true, unit: "times", figures }];
});

const TARGETS: readonly Target[] = [
  {
    what: "cold build of the backend's image",
    asked: "less than 3 min",
    below: 180,
    figures: build("cold", "backend_seconds"),
  },
  {
    what: "cold build of the frontend's image",
    asked: "less than 5 min",
    below: 300,
    figures: build("cold", "frontend_seconds"),
  },
  {
    what: "sent to Docker when nothing has changed",
    asked: "0 bytes",
    below: 1,
    unit: "bytes",
    figures: build("warm", "sent_bytes"),
  },
  {
    what: "deploy, once images exist",
    asked: "less than 2 min",
    below: 120,
    figures: seconds("deploy"),
  },
  {
    what: "pod of the backend ready",
    asked: "less than 30 s",
    below: 30,
    figures: seconds("backend ready"),
  },
  {
    what: "pod of the frontend ready",
    asked: "less than 45 s",
    below: 45,
    figures: seconds("frontend ready"),
  },
  {
    what: "failed pod noticed",
    asked: "less than 10 s",
    below: 10,
    figures: seconds("missing image"),
  },
  {
    what: "failed pod replaced",
    asked: "less than 10 s",
    below: 10,
    figures: seconds("backend killed", "frontend killed"),
  },
  {
    what: "autoscaler from 2 to 4 pods under load",
    asked: "within 60 s",
    below: 60,
    figures: seconds("2 to 4 pods"),
  },
  {
    what: "one more copy of the app in a preview without a change",
    asked: "less than 60 ms",
    below: 60,
    unit: "ms",
    figures: ({ scale }) => [perCopy(scale, "preview")],
  },
  ...ratios,
  {
    what: "state of the stage",
    asked: "at most 300 KB",
    below: 300,
    atMost: true,
    unit: "KB",
    figures: ({ facts }) => [
      facts.find(({ fact }) => fact === "state of the stage")?.value?.replace(" KB", ""),
    ],
  },
];

function judgeOne(target: Target, measured: Measurements): Judged {
  const { what, asked, below, atMost, unit = "s", figures } = target;
  const found = figures(measured);
  if (!found.length || found.includes(undefined))
    return { what, asked, figure: "not measured", isMet: false };
  const figure = Math.max(...found.map(Number));
  const shown = unit === "s" || unit === "times" ? rounded(figure) : String(figure);
  return {
    what,
    asked,
    figure: `${shown} ${unit}`,
    isMet: atMost ? figure <= below : figure < below,
  };
}

/** Each target with what was measured. One whose figure is lacking is not met. */
export const judge = (measured: Measurements): readonly Judged[] =>
  TARGETS.map((target) => judgeOne(target, measured));
