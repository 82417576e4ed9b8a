import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { objectLabels } from "./kubernetes/labels.ts";
import type { SecretFiles } from "./kubernetes/podSecurity.ts";
import { DATABASE_ROLE, inClusterDatabaseUrl, type DatabaseMode } from "./postgres.ts";

type SecretData = Readonly<Record<string, pulumi.Input<string>>>;

export interface AppSecretsArgs {
  readonly namespace: pulumi.Input<string>;
  /**
   * Raising a counter generates that secret anew; every pod that uses it rolls. The auth secret before it is still
   * accepted, so that a rotation by one signs nobody out.
   */
  readonly versions: { readonly auth: number; readonly databasePassword: number };
  /** Inside the cluster the password is generated. */
  readonly databaseMode: DatabaseMode;
  /** URL of the external database; needed there. */
  readonly databaseUrl?: pulumi.Input<string>;
  /** PEM of the authority that signed the external database's certificate. @default the public ones */
  readonly databaseCa?: string;
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
  /** `DATABASE_URL` (and `DATABASE_CA`), `BETTER_AUTH_SECRET` (and its predecessor) and, if given, `OPENAI_API_KEY`. */
  readonly backend: SecretFiles;
  /** `DATABASE_URL` (and `DATABASE_CA`), `BETTER_AUTH_SECRET` (and its predecessor). */
  readonly frontend: SecretFiles;
  /** `DATABASE_URL` (and `DATABASE_CA`). */
  readonly migration: SecretFiles;
  /** What the database itself needs to know; absent when it is external. */
  readonly postgres?: SecretFiles;

  constructor(name: string, args: AppSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:AppSecrets", name, {}, opts);

    const auth = this.createAuthSecrets(`${name}-auth`, args.versions.auth);
    const password = this.createDatabasePassword(`${name}-database-password`, args);
    const database = {
      DATABASE_URL: password
        ? inClusterDatabaseUrl(args.databaseMode, password)
        : args.databaseUrl!,
      ...(args.databaseCa && { DATABASE_CA: args.databaseCa }),
    };

    const secret = (reader: string, data: SecretData, type?: string) =>
      this.createSecret(`${name}-${reader}`, args.namespace, reader, data, type);
    this.backend = secret("backend", {
      ...database,
      ...auth,
      ...(args.openaiApiKey && { OPENAI_API_KEY: args.openaiApiKey }),
    });
    this.frontend = secret("frontend", { ...database, ...auth });
    this.migration = secret("migration", database);
    this.postgres =
      password &&
      (args.databaseMode === "cloudnative-pg"
        ? secret("postgres", { username: DATABASE_ROLE, password }, "kubernetes.io/basic-auth")
        : secret("postgres", { POSTGRES_PASSWORD: password }));

    this.registerOutputs({});
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

  private createDatabasePassword(name: string, args: AppSecretsArgs) {
    if (args.databaseMode === "external") return undefined;
    return this.generate(name, 32, { version: String(args.versions.databasePassword) });
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
    namespace: pulumi.Input<string>,
    reader: string,
    data: SecretData,
    type?: string,
  ): SecretFiles {
    const secret = new k8s.core.v1.Secret(
      name,
      { metadata: { namespace, labels: objectLabels(reader) }, stringData: data, type },
      { parent: this },
    );
    return { name: secret.metadata.name, keys: Object.keys(data) };
  }
}
