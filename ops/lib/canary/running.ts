/** The canary that runs in a stage, as the state of the stack records it. */
import { canaryOf } from "../../../components/kubernetes/names.ts";
import { SERVICE_NAMES, type ServiceName } from "../../../config/services.ts";
import { OperatorError } from "../errors.ts";
import type { Migrations } from "../revisions/revision.ts";
import { presentIn, type Resource, type State } from "../state/state.ts";

export type Images = Readonly<Record<ServiceName, string>>;

/** A new release beside the deployed one. */
export interface Running extends Migrations {
  /** Share of the requests that it serves, in %. */
  readonly weight: number;
  /** Its images; undefined where it was not started completely. */
  readonly images?: Images;
}

interface Rule {
  readonly backendRefs?: readonly { readonly name: string; readonly weight?: number }[];
}

interface Spec {
  /** Of an HTTPRoute. */
  readonly rules?: readonly Rule[];
  /** Of a Deployment. */
  readonly template?: { readonly spec: { readonly containers: readonly { image: string }[] } };
}

const specOf = ({ inputs }: Resource): Spec => (inputs as { readonly spec?: Spec }).spec ?? {};

const isCanary = ({ type }: Resource) => type === "todo-app:index:Canary";

/** The share of the requests that the route sends to the canary beside the deployed release. */
function weightIn(resources: readonly Resource[]): number {
  const rules = resources
    .filter(({ inputs }) => inputs?.kind === "HTTPRoute")
    .flatMap((route) => specOf(route).rules ?? []);
  const canary = SERVICE_NAMES.map(canaryOf);
  // A rule that names the canary alone is for requests that ask for it.
  const shares = rules
    .map(({ backendRefs = [] }) => backendRefs)
    .filter(({ length }) => length > 1)
    .flatMap((refs) => refs.filter(({ name }) => canary.includes(name)));
  return Math.max(0, ...shares.map(({ weight = 1 }) => weight));
}

/** The canary of a stage; undefined where none of its pods was started. */
export function canaryIn(state: State): Running | undefined {
  const resources = presentIn(state);
  const images = SERVICE_NAMES.flatMap((service) => {
    const deployed = resources.find(
      ({ urn, inputs }) => inputs?.kind === "Deployment" && urn.endsWith(`::${canaryOf(service)}`),
    );
    const image = deployed && specOf(deployed).template?.spec.containers[0]?.image;
    return image ? [[service, image] as const] : [];
  });
  if (!images.length) return undefined;
  const noted = resources.find(isCanary)?.outputs?.release as Migrations | undefined;
  return {
    weight: weightIn(resources),
    ...(images.length === SERVICE_NAMES.length && {
      images: Object.fromEntries(images) as Record<ServiceName, string>,
    }),
    ...(noted?.migrations && { migrations: noted.migrations }),
    ...(noted?.backwardCompatible && { backwardCompatible: noted.backwardCompatible }),
  };
}

/** The two commands that end a canary. */
export const endings = (stage: string): string =>
  `make canary-promote STAGE=${stage} makes it the release, make canary-abort STAGE=${stage} removes it`;

/** @throws OperatorError where a canary runs: a deploy would remove it in the middle of its trial */
export function refuseWhileCanary(stage: string, state: State): void {
  const running = canaryIn(state);
  if (!running) return;
  throw new OperatorError(
    `a canary serves ${running.weight} % of the requests of ${stage}, and nothing else is deployed until it has ended`,
    `${endings(stage)}; then run this command again`,
  );
}
