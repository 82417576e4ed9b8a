/** Copies of the app's folders, which are changed between builds so that the working tree is not. */
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { READ_ALWAYS, contextFiles } from "../../components/buildContext.ts";
import { SERVICE_NAMES, type ServiceName } from "../../config/services.ts";

/** The builds in the order in which they are measured, and what each one is. */
export const BUILDS = {
  cold: "no step of the Dockerfiles was run before",
  warm: "nothing has changed",
  source: "one line of the sources has changed",
  dependency: "the lists of dependencies have changed, so all are installed again",
} as const;

/** The name of a build. */
export type Build = keyof typeof BUILDS;

/** The Dockerfile with an argument of that value in each stage: a step that was run under another value is run again. */
export const withMark = (dockerfile: string, mark: string): string =>
  dockerfile.replace(/^FROM .*$/gm, `$&\nARG BUILD_MARK=${mark}`);

/** A package.json with another description, which npm shows and does not use. */
const described = (text: string, description: string): string =>
  `${JSON.stringify({ ...(JSON.parse(text) as object), description }, null, 2)}\n`;

type Change = (folder: string, mark: string) => void;

const rewrite = (file: string, change: (text: string) => string) =>
  writeFileSync(file, change(readFileSync(file, "utf8")));

const markDockerfile: Change = (folder, mark) =>
  rewrite(join(folder, "Dockerfile"), (text) => withMark(text, mark));

/** What changes in a copy before each build. */
const CHANGES: Readonly<Record<ServiceName, Readonly<Record<Exclude<Build, "warm">, Change>>>> = {
  backend: {
    cold: markDockerfile,
    source: (folder, mark) => appendFileSync(join(folder, "app/__main__.py"), `# ${mark}\n`),
    dependency: (folder, mark) =>
      appendFileSync(join(folder, "requirements.lock"), `\n# ${mark}\n`),
  },
  frontend: {
    cold: markDockerfile,
    source: (folder, mark) => appendFileSync(join(folder, "app/page.tsx"), `// ${mark}\n`),
    dependency: (folder, mark) =>
      rewrite(join(folder, "package.json"), (text) => described(text, mark)),
  },
};

/** Copies what the builds of the app's images are sent, each into a folder of its name. */
export function copyApp(project: string, folder: string): void {
  for (const name of SERVICE_NAMES) {
    const context = join(project, "app", name);
    for (const path of new Set([...READ_ALWAYS, ...contextFiles(context)])) {
      if (!existsSync(join(context, path))) continue;
      const copy = join(folder, name, path);
      mkdirSync(dirname(copy), { recursive: true });
      cpSync(join(context, path), copy);
    }
  }
}

/** Changes both copies as the build needs it. @param mark a text that no build had before */
export function changeFor(build: Build, folder: string, mark: string): void {
  if (build === "warm") return;
  for (const name of SERVICE_NAMES) CHANGES[name][build](join(folder, name), mark);
}
