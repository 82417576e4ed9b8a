/** A table of Markdown. */
export const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

/** The different values in the order in which they come first. */
export const unique = (values: readonly string[]): readonly string[] => [...new Set(values)];
