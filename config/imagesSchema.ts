/** Where images come from: the keys of `images` in a stage file. */
import { z } from "zod";
import { IMAGE, REGISTRY, REGISTRY_PATH, REPOSITORY } from "./formats.ts";
import { forEachService } from "./services.ts";
import { OBJECT_NAME, flag, object, oneOf, optionalText, prebuilt, text } from "./values.ts";

export const imagesSchema = object({
  registry: text(REGISTRY, "a registry host such as ghcr.io or localhost:5000"),
  /** Path of the images in the registry, in front of `/backend` and `/frontend`. */
  repository: text(REPOSITORY, "a repository path such as team/todo-app").prefault("todo-app"),
  platform: oneOf(
    ["linux/amd64", "linux/arm64"],
    '; for nodes of both, docs/registry.md, "Several platforms", says how',
  ).default("linux/amd64"),
  /**
   * Registry of the Dockerfiles' base images, such as python and node. Set a mirror if Docker Hub cannot be reached.
   */
  baseRegistry: text(
    REGISTRY_PATH,
    "a registry, with or without a path, such as docker.io/library",
  ).prefault("docker.io/library"),
  /** Images whose layers may be reused while building. */
  cacheFrom: z.array(text(IMAGE, "image references")).prefault([]),
  /** false: the images are loaded into the cluster by hand and never pulled. */
  push: flag().default(true),
  /** Whether the registry refuses to overwrite a tag. Each build is then pushed under a tag that was never there. */
  immutableTags: flag().default(false),
  /**
   * Secret of type kubernetes.io/dockerconfigjson, in the stack's namespace, with which nodes pull. Empty: a Secret is
   * created from registryUsername and registryPassword, if they are set.
   */
  pullSecretName: optionalText(OBJECT_NAME, "the name of a Secret"),
  // One key per service: an existing image to deploy instead of building one.
  ...forEachService(() => prebuilt.optional()),
});
