/** What an organisation decides for its stages. Edit this file, or give other values with `--policy-pack-config`. */

export interface Settings {
  /** Stages whose pods may have images by tag or run sources (`make dev`), and whose Services may be reached past the route. */
  readonly developmentStages: readonly string[];
  /** Beginnings of the image references that may have a tag in every stage: their publishers move it to a fixed release. */
  readonly taggedImages: readonly string[];
  /** Stages whose namespace must be protected against removal. */
  readonly protectedStages: readonly string[];
  /** Beginnings of the image references that are allowed, such as `ghcr.io/acme/`; none: every registry is. */
  readonly registries: readonly string[];
}

export const DEFAULTS: Settings = {
  developmentStages: ["dev"],
  taggedImages: ["docker.io/library/postgres:", "docker.io/rclone/rclone:"],
  protectedStages: ["production"],
  registries: [],
};
