import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { objectLabels } from "./kubernetes/labels.ts";

export interface PullSecretArgs {
  readonly namespace: pulumi.Input<string>;
  /** Host of the registry, such as `ghcr.io`. */
  readonly registry: string;
  readonly username: string;
  readonly password: pulumi.Input<string>;
}

/**
 * A Secret with the login with which nodes pull from a private registry. It is auto-named: a new login creates a new
 * object, and the pods roll.
 */
export class PullSecret extends pulumi.ComponentResource {
  /** Name of the Secret. */
  readonly secretName: pulumi.Output<string>;

  constructor(name: string, args: PullSecretArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:PullSecret", name, {}, opts);

    this.secretName = this.createSecret(name, args).metadata.name;

    this.registerOutputs({});
  }

  private createSecret(name: string, { namespace, registry, username, password }: PullSecretArgs) {
    // Nodes look up the login for Docker Hub under the address that `docker login` stores.
    const server = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
    const login = pulumi.secret(password).apply((plain) => {
      const auth = Buffer.from(`${username}:${plain}`).toString("base64");
      return JSON.stringify({ auths: { [server]: { username, password: plain, auth } } });
    });
    return new k8s.core.v1.Secret(
      name,
      {
        metadata: { namespace, labels: objectLabels(name) },
        type: "kubernetes.io/dockerconfigjson",
        stringData: { ".dockerconfigjson": login },
      },
      { parent: this },
    );
  }
}
