/** What the last deploy of a stage has chosen, by its state: so that what is rendered differs from the cluster where a deploy would. */
import { isDeepStrictEqual } from "node:util";
import { presentIn, type Resource, type State } from "../state/state.ts";
import type { Values } from "../yaml.ts";
import type { Chosen, Registration } from "./record.ts";

/** Where nothing is deployed. */
export const EMPTY: State = { version: 3, deployment: {} };

/** What decides whether an object that has a generated name is replaced: all but its labels and annotations. */
const contentOf = (object: Values) => ({ ...object, metadata: undefined });

/** A change of a Secret is not looked for: its values are not rendered. */
const isUnchanged = ({ type, inputs }: Registration, deployed: Resource) =>
  type.endsWith(":Secret") ||
  isDeepStrictEqual(contentOf(inputs), contentOf(deployed.inputs ?? {}));

/**
 * The names and images of the last deploy, where the next deploy keeps them. What it replaces or creates gets a name that ends in
 * `-new`; what it builds is named by the tag under which it is pushed.
 *
 * @returns the choices, and the references of images that are to be built, once they were asked for
 */
export function chosenIn(state: State): {
  readonly chosen: Chosen;
  readonly unbuilt: ReadonlySet<string>;
} {
  const resources = presentIn(state);
  const find = ({ type, name }: Pick<Registration, "type" | "name">) =>
    resources.find((resource) => resource.type === type && resource.urn.endsWith(`::${name}`));
  const unbuilt = new Set<string>();
  const chosen: Chosen = {
    isDeployed: (resource) => find(resource) !== undefined,
    nameOf: (resource) => {
      const found = find(resource);
      const name = found && isUnchanged(resource, found) ? found.inputs?.metadata?.name : undefined;
      return name ?? `${resource.name}-new`;
    },
    imageOf: (resource) => {
      const found = find(resource);
      // The tag is made of everything that the image is built from.
      const { imageName } = (found?.inputs ?? {}) as Values;
      const digest =
        imageName === resource.inputs.imageName ? found?.outputs?.repoDigest : undefined;
      if (typeof digest === "string") return digest;
      unbuilt.add(String(resource.inputs.imageName));
      return String(resource.inputs.imageName);
    },
  };
  return { chosen, unbuilt };
}
