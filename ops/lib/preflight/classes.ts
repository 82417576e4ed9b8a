/** Classes that a cluster must have: of routes, of storage, of priority. */
import { itemsOf, type Cluster, type Reading } from "./clusterApi.ts";
import { unlessFound, type Finding } from "./findings.ts";

export interface Named {
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export const named = (reading: Reading) => itemsOf(reading) as readonly Named[];
export const namesIn = (reading: Reading) => named(reading).map(({ metadata }) => metadata.name);

/** What to report about a class that a stage names. The message lists the classes that exist. */
export async function classFindings(
  cluster: Cluster,
  list: string,
  name: string,
  { missing, fix }: { readonly missing: string; readonly fix: string },
): Promise<Finding[]> {
  const reading = await cluster.read(list);
  const names = namesIn(reading);
  if (names.includes(name)) return [];
  const others = names.length ? `; there are: ${names.join(", ")}` : "";
  const answer = reading.state === "found" ? ({ state: "absent" } as const) : reading;
  return unlessFound(answer, `${missing}${others}`, fix);
}
