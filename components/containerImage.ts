import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { contentHash } from "./buildContext.ts";

/** What a workload needs to know about an image. */
export interface ImageReference {
  /** `repository@sha256:…`; a tag only if the image is never pushed. */
  readonly reference: pulumi.Output<string>;
  /** Changes with the image's content, so that pods roll even if the reference is a tag. */
  readonly revision: pulumi.Output<string>;
  readonly pullPolicy: "IfNotPresent" | "Never";
}

export interface ContainerImageArgs {
  /** Registry and path without a tag, such as `ghcr.io/team/todo-app/backend`. */
  readonly repository: string;
  /**
   * Start of the tag under which the build is pushed, for people who look into the registry; workloads use the digest.
   * An image that is not pushed has it as its whole tag.
   */
  readonly tag: string;
  /**
   * Folder with the Dockerfile, relative to the project, so that the build's description is the same in every checkout.
   */
  readonly context: string;
  /** Operating system and architecture of the nodes, such as `linux/amd64`. */
  readonly platform: string;
  /** Stage of the Dockerfile to build. @default the last one */
  readonly target?: string;
  /** Image to build on (build argument `BASE_IMAGE`), by digest, so that a new base image causes a new build. */
  readonly baseImage: string;
  /** Images whose layers may be reused. The build then also serves as such an image for others. @default none */
  readonly cacheFrom?: readonly string[];
  /** Whether to push after building. If not, the image must be loaded into the cluster by hand. @default true */
  readonly push?: boolean;
  /**
   * Whether the registry refuses to overwrite a tag. Each build is then pushed under a tag that was never there, also
   * where content returns that was pushed before. @default false
   */
  readonly immutableTags?: boolean;
  /** Reference, by digest, of an existing image to use; nothing is built. @default build the image */
  readonly prebuilt?: string;
  /** Login for the push. @default Docker's own login */
  readonly credentials?: { readonly username: string; readonly password?: pulumi.Input<string> };
}

/** Builds and pushes one container image, unless an image with the same content was pushed before. */
export class ContainerImage extends pulumi.ComponentResource implements ImageReference {
  readonly reference: pulumi.Output<string>;
  readonly revision: pulumi.Output<string>;
  readonly pullPolicy: "IfNotPresent" | "Never";

  constructor(name: string, args: ContainerImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:ContainerImage", name, {}, opts);

    const push = args.push ?? true;
    this.pullPolicy = push || args.prebuilt ? "IfNotPresent" : "Never";
    if (args.prebuilt) {
      this.reference = pulumi.output(args.prebuilt);
      this.revision = this.reference;
    } else {
      const image = this.buildImage(name, args, push);
      this.reference = push ? image.repoDigest : image.imageName;
      this.revision = image.repoDigest;
    }

    this.registerOutputs({ reference: this.reference });
  }

  private buildImage(name: string, args: ContainerImageArgs, push: boolean): docker.Image {
    return new docker.Image(
      name,
      {
        imageName: pulumi.interpolate`${args.repository}:${push ? this.pushedTag(name, args) : args.tag}`,
        build: {
          context: args.context,
          platform: args.platform,
          ...(args.target && { target: args.target }),
          args: {
            BASE_IMAGE: args.baseImage,
            // BuildKit reads the layers of an image only if the image says how they were built.
            ...(args.cacheFrom?.length && { BUILDKIT_INLINE_CACHE: "1" }),
          },
          ...(args.cacheFrom?.length && { cacheFrom: { images: [...args.cacheFrom] } }),
        },
        skipPush: !push,
        ...(args.credentials && {
          registry: {
            server: args.repository.split("/")[0]!,
            username: args.credentials.username,
            password: args.credentials.password,
          },
        }),
      },
      { parent: this },
    );
  }

  /**
   * The tag to push. Its hash of the content keeps the tag of other content as it is.
   *
   * A second build of the same content overwrites its tag, because builds are not reproducible to the byte. Where the
   * registry refuses that, a random end makes the tag new. It changes with everything for which Pulumi builds again.
   */
  private pushedTag(name: string, args: ContainerImageArgs): pulumi.Input<string> {
    const { tag, context, platform, target, baseImage, cacheFrom = [] } = args;
    const settings = [platform, baseImage, ...(target ? [target] : [])];
    const readable = `${tag}-${contentHash(context, settings)}`;
    if (!args.immutableTags) return readable;
    const builtFrom = contentHash(context, [...settings, ...cacheFrom], { allModes: true });
    const { result } = new random.RandomPassword(
      `${name}-tag`,
      { length: 8, special: false, upper: false, keepers: { builtFrom } },
      { parent: this },
    );
    // The value is no secret, but a secret's kind is the only one of that plugin that the stacks need.
    return pulumi.interpolate`${readable}-${pulumi.unsecret(result)}`;
  }
}
