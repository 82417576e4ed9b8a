/** The day of a date in the local time zone, in the format of the API. */
export function localDay(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

const DAY_MS = 86_400_000;
const DAY_AND_MONTH = { day: "numeric", month: "short", timeZone: "UTC" } as const;
// created once, because creating a formatter is slow
const thisYear = new Intl.DateTimeFormat("en-GB", DAY_AND_MONTH);
const anyYear = new Intl.DateTimeFormat("en-GB", { ...DAY_AND_MONTH, year: "numeric" });

export function describeDay(day: string, today: string): string {
  const distance = (Date.parse(day) - Date.parse(today)) / DAY_MS;
  if (distance === 0) return "Today";
  if (distance === 1) return "Tomorrow";
  if (distance === -1) return "Yesterday";
  return (day.slice(0, 4) === today.slice(0, 4) ? thisYear : anyYear).format(new Date(day));
}
