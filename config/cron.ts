/** Schedules of cron in numbers: minute, hour, day of the month, month, day of the week (0-6, Sunday is 0). */

/** Lowest and highest value of each field. */
const FIELDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

const DAY_SECONDS = 86_400;
/** Days that are looked at: from one leap day to the next. */
const DAYS = 4 * 366;

/** The values that a field stands for; undefined if it is no field of cron. */
function valuesOf(
  field: string,
  [lowest, highest]: readonly [number, number],
): readonly number[] | undefined {
  const values = field.split(",").map((part) => {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/([1-9]\d?))?$/.exec(part);
    if (!match) return undefined;
    const [, first, last, step] = match;
    const from = Number(first ?? lowest);
    // A step without an end counts to the highest value.
    const to = Number(last ?? (step ? highest : (first ?? highest)));
    if (from < lowest || to < from || to > highest) return undefined;
    const count = Math.floor((to - from) / Number(step ?? 1)) + 1;
    return Array.from({ length: count }, (_, index) => from + index * Number(step ?? 1));
  });
  return values.every((each) => each !== undefined) ? values.flat() : undefined;
}

const parse = (schedule: string) => {
  const fields = schedule.split(" ");
  const values = FIELDS.map((bounds, index) => valuesOf(fields[index] ?? "", bounds));
  return fields.length === FIELDS.length && values.every((each) => each !== undefined)
    ? { fields, values }
    : undefined;
};

/** Whether a text is a schedule of cron: five fields of numbers, ranges, lists and steps. */
export const isCron = (schedule: string): boolean => parse(schedule) !== undefined;

/** Whether a date is one of the schedule. If both kinds of days are restricted, either of them is enough. */
function isDue(day: Date, { fields, values }: NonNullable<ReturnType<typeof parse>>): boolean {
  const [, , days, months, weekdays] = values;
  if (!months!.includes(day.getUTCMonth() + 1)) return false;
  const isDay = days!.includes(day.getUTCDate());
  const isWeekday = weekdays!.includes(day.getUTCDay());
  return fields[2] !== "*" && fields[4] !== "*" ? isDay || isWeekday : isDay && isWeekday;
}

/** The longest time between two times of a schedule, in seconds: 86400 for once a day. Times of rarer ones are four years apart. */
export function longestGapSeconds(schedule: string): number {
  const parsed = parse(schedule);
  if (!parsed) throw new Error(`${schedule} is no schedule of cron`);
  const [minutes, hours] = parsed.values;
  const times = hours!
    .flatMap((hour) => minutes!.map((minute) => (hour * 60 + minute) * 60))
    .sort((one, other) => one - other);
  const [first, last] = [times[0]!, times.at(-1)!];
  const withinDay = times.map((time, index) => time - (times[index - 1] ?? time));
  let previous: number | undefined;
  let longest = Math.max(...withinDay);
  for (let day = 0; day < DAYS; day++) {
    const begin = day * DAY_SECONDS;
    if (!isDue(new Date(Date.UTC(2024, 0, 1) + begin * 1000), parsed)) continue;
    if (previous !== undefined) longest = Math.max(longest, begin + first - previous);
    previous = begin + last;
  }
  return longest || DAYS * DAY_SECONDS;
}
