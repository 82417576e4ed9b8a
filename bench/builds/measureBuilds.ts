/** Builds both images with each builder, cold and after changes, and measures time and what is sent to Docker. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SERVICE_NAMES, type ServiceName } from "../../config/services.ts";
import { run } from "../../ops/lib/run.ts";
import { temporaryFolder, withCleanUp } from "../cleanUp.ts";
import { measure } from "../measure.ts";
import { must } from "../stage.ts";
import { builders, imageName, type Builder } from "./builders.ts";
import { dockerSocket, withCounter, type Counter } from "./sentBytes.ts";
import { BUILDS, changeFor, copyApp, type Build } from "./sources.ts";

/** A build of both images at once. */
type BuildRow = Readonly<
  Record<"build" | "tool" | `${ServiceName}_seconds` | "wall_seconds" | "sent_bytes", string>
>;

/** Runs one build. */
async function measureBuild(
  build: Build,
  { name: tool, build: line }: Builder,
  folder: string,
  { host, take }: Counter,
): Promise<BuildRow> {
  take();
  const begin = Date.now();
  const { wallSeconds } = await measure(`export DOCKER_HOST=${host}; ${line}`);
  const secondsOf = (name: ServiceName) =>
    ((Number(readFileSync(join(folder, `${name}.done`), "utf8")) - begin) / 1000).toFixed(2);
  const row = {
    build,
    tool,
    backend_seconds: secondsOf("backend"),
    frontend_seconds: secondsOf("frontend"),
    wall_seconds: wallSeconds.toFixed(2),
    sent_bytes: String(take()),
  };
  process.stdout.write(`  ${build} build, ${tool}: ${row.wall_seconds} s, ${row.sent_bytes} B\n`);
  return row;
}

const imagesOf = (builder: Builder) => SERVICE_NAMES.map((name) => imageName(name, builder));

/** The IDs of the images that have the names of the builder now. The next build may take the names away. */
const idsOf = async (builder: Builder): Promise<readonly string[]> => {
  const inspect = ["docker", "image", "inspect", "--format", "{{.Id}}"] as const;
  return (await must(...inspect, ...imagesOf(builder))).trim().split("\n");
};

/**
 * Goes through all builds; the builders take turns. Their copies of the app differ in a mark, so that they share no step.
 *
 * @param made gets the ID of each image
 */
async function measureAll(
  all: readonly Builder[],
  folderOf: (tag: string) => string,
  counter: Counter,
  made: Set<string>,
): Promise<readonly BuildRow[]> {
  const rows: BuildRow[] = [];
  for (const build of Object.keys(BUILDS) as Build[])
    for (const builder of all) {
      const folder = folderOf(builder.tag);
      changeFor(build, folder, `${builder.tag}-${build}-${Date.now()}`);
      rows.push(await measureBuild(build, builder, folder, counter));
      for (const id of await idsOf(builder)) made.add(id);
    }
  return rows;
}

/** Measures every build, and removes what it has made but for Docker's build cache, which Docker itself keeps small. */
export async function measureBuilds(): Promise<readonly BuildRow[]> {
  const folder = temporaryFolder("builds");
  const folderOf = (tag: string) => join(folder, tag);
  const all = await builders(folderOf);
  const made = new Set<string>();
  const rows: BuildRow[] = [];
  const measureEach = async () => {
    for (const { tag, prepare = "true" } of all) {
      mkdirSync(folderOf(tag));
      copyApp(process.cwd(), folderOf(tag));
      await must("bash", "-euo", "pipefail", "-c", prepare);
    }
    await withCounter(join(folder, "docker.sock"), dockerSocket(), async (counter) => {
      rows.push(...(await measureAll(all, folderOf, counter, made)));
    });
    return rows;
  };
  return withCleanUp(measureEach, [
    // Fails for a name whose image was removed by its ID, or never made.
    () => run(["docker", "image", "rm", "--force", ...made, ...all.flatMap(imagesOf)]),
    () => rmSync(folder, { recursive: true }),
  ]);
}
