/**
 * What builds the images: the stack's own way, and Docker's commands with the same Dockerfiles and arguments. Each of them works in a
 * folder with copies of `app/backend` and `app/frontend`, and writes into `<name>.done` when an image was there.
 */
import { fileURLToPath } from "node:url";
import { SERVICE_NAMES, type ServiceName } from "../../config/services.ts";
import { run } from "../../ops/lib/run.ts";
import { pulumiProject } from "../tools/project.ts";
import { buildOf } from "./settings.ts";

/** A way to build both images at once. Its lines are bash. */
export interface Builder {
  readonly name: string;
  /** The tag of its images. */
  readonly tag: string;
  /** Runs once before the builds, and is not measured. @default nothing */
  readonly prepare?: string;
  readonly build: string;
}

/** `ContainerImage` of the stack, in a stack that has nothing else. */
function pulumi(folder: string): Builder {
  const program = fileURLToPath(new URL("program.ts", import.meta.url));
  const { prepare, run } = pulumiProject(folder, "builds", `import "${program}";\n`);
  return { name: "pulumi up", tag: "pulumi", prepare, build: run("up --yes --skip-preview") };
}

/** The name of a builder's image. */
export const imageName = (name: ServiceName, { tag }: Pick<Builder, "tag">): string =>
  `${buildOf(name).repository}:${tag}`;

/** A command of Docker, once for each image, all at the same time as the stack does it. */
function docker(folder: string, name: string, tag: string): Builder {
  const builds = SERVICE_NAMES.map((service) => {
    const { platform, baseImage } = buildOf(service);
    const options = `--platform ${platform} --build-arg BASE_IMAGE=${baseImage} --tag ${imageName(service, { tag })}`;
    return `{ ${name} ${options} ${folder}/${service} && date +%s%3N >${folder}/${service}.done; } & builds+=($!)`;
  });
  return {
    name,
    tag,
    // BuildKit builds by default since Docker 23. Docker 20 is to be told so.
    build: `export DOCKER_BUILDKIT=1; builds=(); ${builds.join("; ")}; for build in "\${builds[@]}"; do wait "$build"; done`,
  };
}

/** Those that the machine has. @param folderOf makes the folder of a builder by its tag */
export async function builders(
  folderOf: (tag: string) => string,
  start = run,
): Promise<readonly Builder[]> {
  const { code } = await start(["docker", "buildx", "version"]);
  return [
    pulumi(folderOf("pulumi")),
    docker(folderOf("docker"), "docker build", "docker"),
    ...(code === 0 ? [docker(folderOf("buildx"), "docker buildx build --load", "buildx")] : []),
  ];
}
