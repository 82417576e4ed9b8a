/** The sources of a service on this machine: what a build of its image is sent. */
import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { watch } from "chokidar";
import { READ_ALWAYS, contextFiles, isLeftOut } from "../../../components/buildContext.ts";

/** Contents by path, relative to the folder. */
export type Files = ReadonlyMap<string, Buffer>;

export interface Sources {
  /** The files that a pod gets. */
  readonly files: Files;
  /** The files on which the image or the deploy depends, so that copying them is not enough. */
  readonly fixed: Files;
}

/** What can't be read as a file: it has gone meanwhile, or is a link to a folder. */
const UNREADABLE = ["ENOENT", "EISDIR"];

function contentsOf(folder: string, paths: readonly string[]): Files {
  const found = paths.flatMap((path) => {
    try {
      return [[path, readFileSync(join(folder, path))] as const];
    } catch (error) {
      if (UNREADABLE.includes((error as NodeJS.ErrnoException).code ?? "")) return [];
      throw error;
    }
  });
  return new Map(found);
}

/** @param fixed matches the paths of files that are part of the image or need a deploy, beside the Dockerfile */
export function readSources(folder: string, fixed: RegExp): Sources {
  const paths = contextFiles(folder);
  const files = contentsOf(folder, paths);
  const needing = new Set([...READ_ALWAYS, ...paths.filter((path) => fixed.test(path))]);
  return { files, fixed: contentsOf(folder, [...needing]) };
}

/** The paths that were added, changed or deleted. */
export function differences(before: Files, after: Files): readonly string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths]
    .filter((path) => {
      const [old, now] = [before.get(path), after.get(path)];
      return !old || !now || !old.equals(now);
    })
    .sort();
}

/** Waits for changes of a folder. */
export interface Watch {
  /** Resolves at the first change since it resolved last. */
  changed(): Promise<void>;
  close(): Promise<void>;
}

/** An editor that saves a file, or git that changes many, is done after that time. */
const SETTLE_MS = 40;

/** Watches the files of a folder that a build is sent, and those on which the build depends. */
export async function watchSources(folder: string): Promise<Watch> {
  const ignored = (path: string) => {
    const inside = relative(folder, path).split(sep).join("/");
    return inside !== "" && isLeftOut(folder, inside);
  };
  const watcher = watch(folder, { ignored, ignoreInitial: true });
  let pending = Promise.withResolvers<undefined>();
  watcher.on("all", () => {
    setTimeout(() => pending.resolve(undefined), SETTLE_MS);
  });
  await new Promise<void>((resolve) => watcher.once("ready", resolve));
  return {
    changed: async () => {
      await pending.promise;
      pending = Promise.withResolvers();
    },
    close: () => watcher.close(),
  };
}
