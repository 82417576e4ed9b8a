import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { objectLabels } from "./kubernetes/labels.ts";
import type { SecretFiles } from "./kubernetes/podSecurity.ts";
import {
  DATABASE_OWNER,
  inClusterDatabaseUrl,
  type DatabaseLogin,
  type DatabaseMode,
} from "./postgres.ts";

type SecretData = Readonly<Record<string, pulumi.Input<string>>>;

export interface AppSecretsArgs {
  readonly namespace: pulumi.Input<string>;
  /**
   * Raising a counter generates that secret anew; every pod that uses it rolls. The auth secret and the app's database
   * password before it are still accepted, so that a rotation by one is noticed by nobody.
   */
  readonly versions: {
    readonly auth: number;
    /** Of the role as which the app logs in. */
    readonly databasePassword: number;
    /** Of the role that owns the database; its server restarts. */
    readonly databaseOwnerPassword: number;
  };
  /** Inside the cluster the passwords are generated. */
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
  /** `DATABASE_URL` (and `DATABASE_CA`), `BETTER_AUTH_SECRET`, its predecessor and its successor. */
  readonly frontend: SecretFiles;
  /** `DATABASE_URL` (and `DATABASE_CA`), inside the cluster that of the owner, and `APP_DATABASE_URL`, that of the app. */
  readonly migration: SecretFiles;
  /** The owner's password, for the database itself; absent when it is external. */
  readonly postgres?: SecretFiles;
  /** The app's role and its Secret, for CloudNativePG; absent with any other database. */
  readonly appRole?: { readonly name: string; readonly secretName: pulumi.Input<string> };

  constructor(name: string, args: AppSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:AppSecrets", name, {}, opts);

    const { next, ...auth } = this.createAuthSecrets(`${name}-auth`, args.versions.auth);
    const logins = this.createLogins(name, args);
    const url = (login: DatabaseLogin) => inClusterDatabaseUrl(args.databaseMode, login);
    const database = {
      DATABASE_URL: logins ? url(logins.app) : args.databaseUrl!,
      ...(args.databaseCa && { DATABASE_CA: args.databaseCa }),
    };

    const secret = (reader: string, data: SecretData, type?: string) =>
      this.createSecret(`${name}-${reader}`, args.namespace, reader, data, type);
    this.backend = secret("backend", {
      ...database,
      ...auth,
      ...(args.openaiApiKey && { OPENAI_API_KEY: args.openaiApiKey }),
    });
    // A rotation rolls out over minutes: the pods before it know the cookies of those after it.
    this.frontend = secret("frontend", { ...database, ...auth, BETTER_AUTH_SECRET_NEXT: next });
    this.migration = secret(
      "migration",
      logins
        ? { DATABASE_URL: url(logins.owner), APP_DATABASE_URL: database.DATABASE_URL }
        : database,
    );
    const basicAuth = (reader: string, { role, password }: DatabaseLogin) =>
      secret(reader, { username: role, password }, "kubernetes.io/basic-auth");
    if (args.databaseMode === "in-cluster")
      this.postgres = secret("postgres", { POSTGRES_PASSWORD: logins!.owner.password });
    if (args.databaseMode === "cloudnative-pg") {
      this.postgres = basicAuth("postgres", logins!.owner);
      const { name: secretName } = basicAuth("postgres-app", logins!.app);
      this.appRole = { name: logins!.app.role, secretName };
    }

    this.registerOutputs({});
  }

  /** Letters and digits only, so that the value needs no escaping in a URL; 32 of them carry 190 bits. */
  private generate(name: string, length: number, ignoreChanges: string[] = []) {
    const password = new random.RandomPassword(
      name,
      { length, special: false },
      { parent: this, ignoreChanges },
    );
    return password.result;
  }

  /** One resource for each version, so that raising the counter keeps the value before it, and lowering it brings that back. */
  private generateVersions(name: string, length: number, version: number) {
    const generate = (wanted: number) => this.generate(`${name}-v${wanted}`, length);
    return {
      generate,
      current: generate(version),
      previous: version > 1 ? generate(version - 1) : undefined,
    };
  }

  /** The logins of a database inside the cluster. */
  private createLogins(name: string, args: AppSecretsArgs) {
    if (args.databaseMode === "external") return undefined;
    const { databasePassword, databaseOwnerPassword } = args.versions;
    const owner =
      databaseOwnerPassword === 1
        ? // Older releases gave it keepers; to take these away would generate it anew.
          this.generate(`${name}-database-password`, 32, ["keepers"])
        : this.generate(`${name}-database-owner-v${databaseOwnerPassword}`, 32);
    const app = this.generateVersions(`${name}-database-app`, 32, databasePassword);
    // Two roles take turns: while one gets a new password, the pods of the version before go on with the other.
    const role = `${DATABASE_OWNER}_app_${databasePassword % 2 ? "a" : "b"}`;
    return {
      owner: { role: DATABASE_OWNER, password: owner },
      app: { role, password: app.current },
    };
  }

  private createAuthSecrets(name: string, version: number) {
    const { current, previous, generate } = this.generateVersions(name, 48, version);
    return {
      BETTER_AUTH_SECRET: current,
      ...(previous && { BETTER_AUTH_SECRET_PREVIOUS: previous }),
      next: generate(version + 1),
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
