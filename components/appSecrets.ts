import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { objectLabels } from "./kubernetes/labels.ts";
import { inClusterDatabaseUrl } from "./postgres.ts";

export interface AppSecretsArgs {
  readonly namespace: pulumi.Input<string>;
  /**
   * Raising a counter generates that secret anew; every pod that uses it rolls. The auth secret before it is still
   * accepted, so that a rotation by one signs nobody out.
   */
  readonly versions: { readonly auth: number; readonly databasePassword: number };
  /** URL of the external database. @default the in-cluster database, with a generated password */
  readonly databaseUrl?: pulumi.Input<string>;
  /** API key of the language model. @default none: the built-in model needs no key */
  readonly openaiApiKey?: pulumi.Input<string>;
}

/**
 * Generates the app's secrets, takes the given ones, and keeps one Secret object per reader with only the keys it needs.
 *
 * The Secret objects are auto-named: a change makes a new object, so the pods roll and the old revision keeps what it
 * was started with until it is gone.
 */
export class AppSecrets extends pulumi.ComponentResource {
  /** Name of the Secret with `DATABASE_URL`, `BETTER_AUTH_SECRET` (and its predecessor) and, if given, `OPENAI_API_KEY`. */
  readonly backend: pulumi.Output<string>;
  /** Name of the Secret with `DATABASE_URL` and `BETTER_AUTH_SECRET` (and its predecessor). */
  readonly frontend: pulumi.Output<string>;
  /** Name of the Secret with `DATABASE_URL`. */
  readonly migration: pulumi.Output<string>;
  /** Name of the Secret with `POSTGRES_PASSWORD`; absent when the database is external. */
  readonly postgres?: pulumi.Output<string>;

  constructor(name: string, args: AppSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:AppSecrets", name, {}, opts);

    const auth = this.createAuthSecrets(`${name}-auth`, args.versions.auth);
    const databasePassword = args.databaseUrl
      ? undefined
      : this.generate(`${name}-database-password`, 32, {
          version: String(args.versions.databasePassword),
        });
    const DATABASE_URL = args.databaseUrl ?? inClusterDatabaseUrl(databasePassword!);

    const secret = (reader: string, data: Record<string, pulumi.Input<string>>) =>
      this.createSecret(`${name}-${reader}`, reader, args.namespace, data);
    this.backend = secret("backend", {
      DATABASE_URL,
      ...auth,
      ...(args.openaiApiKey && { OPENAI_API_KEY: args.openaiApiKey }),
    });
    this.frontend = secret("frontend", { DATABASE_URL, ...auth });
    this.migration = secret("migration", { DATABASE_URL });
    this.postgres = databasePassword && secret("postgres", { POSTGRES_PASSWORD: databasePassword });

    this.registerOutputs({ backend: this.backend, frontend: this.frontend });
  }

  /** Letters and digits only, so that the value needs no escaping in a URL; 32 of them carry 190 bits. */
  private generate(
    name: string,
    length: number,
    keepers?: Record<string, string>,
  ): pulumi.Output<string> {
    const password = new random.RandomPassword(
      name,
      { length, special: false, keepers },
      { parent: this },
    );
    return password.result;
  }

  /** One resource for each version, so that raising the counter keeps the value before it. */
  private createAuthSecrets(name: string, version: number): Record<string, pulumi.Output<string>> {
    const generate = (wanted: number) => this.generate(`${name}-v${wanted}`, 48);
    return {
      BETTER_AUTH_SECRET: generate(version),
      ...(version > 1 && { BETTER_AUTH_SECRET_PREVIOUS: generate(version - 1) }),
    };
  }

  private createSecret(
    name: string,
    reader: string,
    namespace: pulumi.Input<string>,
    data: Record<string, pulumi.Input<string>>,
  ): pulumi.Output<string> {
    const secret = new k8s.core.v1.Secret(
      name,
      { metadata: { namespace, labels: objectLabels(reader) }, stringData: data },
      { parent: this },
    );
    return secret.metadata.name;
  }
}
