/** Deploys a stage for development, and keeps its pods like the sources on this machine. */
import { stripVTControlCharacters } from "node:util";
import { developmentProblem } from "../../../config/development.ts";
import { PROJECT_NAME } from "../../../config/decode.ts";
import { imageOf } from "../../../config/images.ts";
import type { Stage as Configuration } from "../../../config/schema.ts";
import {
  SERVICE_NAMES,
  serviceOf,
  type Development,
  type ServiceName,
} from "../../../config/services.ts";
import { deploy } from "../deploy.ts";
import { openStack } from "../engine/engine.ts";
import { OperatorError } from "../errors.ts";
import { request, type Place } from "../kubectl.ts";
import { withStageFile } from "../revisions/restore.ts";
import { effectiveConfig, settingsOf, type Stage } from "../stage.ts";
import { readYaml, type Values } from "../yaml.ts";
import { follow, type Means } from "./follow.ts";
import { developmentPod } from "./pods.ts";
import { connect } from "./receiver.ts";
import { readSources, watchSources, type Sources } from "./sources.ts";

const LOG_LINES = 20;

/** A service that runs from sources in development. */
interface Developed extends Development {
  readonly name: ServiceName;
  /** The folder with its sources. */
  readonly folder: string;
}

function developed({ images }: Pick<Configuration, "images">): readonly Developed[] {
  return SERVICE_NAMES.flatMap((name) => {
    const { development } = serviceOf(name);
    return development ? [{ ...development, name, folder: imageOf(name, images).context }] : [];
  });
}

/** @throws OperatorError where the stage may not run from sources, before anything changes */
export function refuseDevelopment({ name }: Stage, config: Configuration): void {
  const problem = developmentProblem(config);
  if (!problem) return;
  throw new OperatorError(
    `${name} can't run from sources, because ${problem}`,
    `make dev STAGE=dev, or another stage that is for development; make up STAGE=${name} deploys this one`,
  );
}

/** The configuration of a stage. Its stack is created where there is none yet. */
async function configOf(stage: Stage): Promise<Configuration> {
  const { values } = await openStack(stage);
  const config = effectiveConfig(stage.name, values);
  if (config) return config;
  throw new OperatorError(
    `the configuration of ${stage.name} is not valid`,
    `make preview STAGE=${stage.name} says what is wrong`,
  );
}

/** The stage file of a stage in development. */
export const developmentFile = (file: Values & { readonly config?: Values }) => ({
  ...file,
  config: { ...file.config, [`${PROJECT_NAME}:development`]: true },
});

async function meansOf(
  place: Place,
  service: Developed,
  read: () => Sources,
  signal: AbortSignal,
): Promise<Means> {
  const { name, folder, command } = service;
  return {
    service: name,
    read,
    watch: await watchSources(folder),
    find: () => developmentPod(place, name),
    connect: (pod) => connect(place, pod, name, command),
    log: async (pod) => {
      const options = [`--container=${name}`, `--tail=${LOG_LINES}`];
      const { output } = await request(place, ["logs", pod, ...options]);
      return stripVTControlCharacters(output);
    },
    say: (line) => process.stdout.write(`${line}\n`),
    signal,
  };
}

/** Follows all services until `signal`, or until one of them can't be followed any more. */
async function followAll(
  place: Place,
  services: readonly (Developed & { readonly deployed: Sources; readonly read: () => Sources })[],
  abort: AbortController,
): Promise<void> {
  const { signal } = abort;
  const all = await Promise.all(
    services.map(async (service) => ({
      means: await meansOf(place, service, service.read, signal),
      deployed: service.deployed.fixed,
    })),
  );
  try {
    await Promise.all(all.map(({ means, deployed }) => follow(means, deployed)));
  } finally {
    abort.abort();
    await Promise.all(all.map(({ means }) => means.watch.close()));
  }
}

/**
 * Deploys a stage for development and copies each change into its pods, until Ctrl-C.
 *
 * @throws OperatorError where the stage may not run from sources, or can't be deployed
 */
export async function develop(stage: Stage): Promise<void> {
  const { name } = stage;
  const config = await configOf(stage);
  refuseDevelopment(stage, config);
  const services = developed(config).map((service) => {
    const read = () => readSources(service.folder, service.fixed);
    return { ...service, read, deployed: read() };
  });
  await withStageFile(stage, developmentFile(readYaml(stage.file)), (temporary) =>
    deploy(temporary, { yes: true, development: true }),
  );
  const abort = new AbortController();
  const end = () => abort.abort();
  process.on("SIGINT", end).on("SIGTERM", end);
  const place = await settingsOf(stage);
  process.stdout.write(
    `${name} runs from sources. Changes of ${services.map(({ folder }) => folder).join(" and ")} are copied into its pods; Ctrl-C ends that.\n`,
  );
  try {
    await followAll(place, services, abort);
  } finally {
    process.off("SIGINT", end).off("SIGTERM", end);
    process.stdout.write(
      `\n${name} stays as it is: make dev STAGE=${name} continues, make up STAGE=${name} deploys the built images\n`,
    );
  }
}
