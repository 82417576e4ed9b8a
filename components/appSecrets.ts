import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { BUCKET_SECRET } from "./kubernetes/barmanCloud.ts";
import { objectLabels } from "./kubernetes/labels.ts";
import type { SecretFiles } from "./kubernetes/podSecurity.ts";
import {
  DATABASE_OWNER,
  inClusterDatabaseUrl,
  type PostgresArgs,
  type DatabaseLogin,
  type DatabaseMode,
} from "./postgres.ts";

type SecretData = Readonly<Record<string, pulumi.Input<string>>>;

export interface AppSecretsArgs {
  readonly namespace: pulumi.Input<string>;
  /**
   * Raising a counter generates a new value of that secret, and the pods that use it roll. The previous auth secret and
   * the app's previous database password stay valid, so raising either counter by one interrupts no user.
   */
  readonly versions: {
    readonly auth: number;
    /** Password of the role as which the app logs in. */
    readonly databasePassword: number;
    /** Password of the role that owns the database. A change restarts the in-cluster server. */
    readonly databaseOwnerPassword: number;
  };
  /** Passwords are generated for a database inside the cluster; the URL of an external one contains its own. */
  readonly databaseMode: DatabaseMode;
  /** Name of the CloudNativePG cluster. @default "postgres" */
  readonly clusterName?: string;
  /** URL of the external database. Required if `databaseMode` is `external`. */
  readonly databaseUrl?: pulumi.Input<string>;
  /**
   * PEM certificate of the authority that signed the external database's certificate.
   * @default the public authorities
   */
  readonly databaseCa?: string;
  /** Whether the database inside the cluster is backed up, which needs a key and a login. @default false */
  readonly backup?: boolean;
  /** Key for the bucket that the backups are kept in, and its region. @default none: they are kept on a volume */
  readonly bucketKey?: {
    readonly id: pulumi.Input<string>;
    readonly key: pulumi.Input<string>;
    readonly region: string;
  };
  /** API key of the language model. @default none: the built-in model needs no key */
  readonly openaiApiKey?: pulumi.Input<string>;
}

/**
 * The app's secrets: generated ones, and those from the stage's configuration. `filesFor` creates one Secret per
 * workload, with only the keys that this workload needs.
 *
 * The Secrets are auto-named: a change creates a new object, so the pods roll. Pods of the old revision keep the Secret
 * that they were started with until they are gone.
 */
export class AppSecrets extends pulumi.ComponentResource {
  /** `DATABASE_URL`, and `DATABASE_CA` if `databaseCa` is set. */
  readonly database: SecretData;
  /**
   * The migration's logins. Inside the cluster, `DATABASE_URL` logs in as the owner and `APP_DATABASE_URL` as the app's
   * role; for an external database, they are those of `database`.
   */
  readonly migration: SecretData;
  /** `BETTER_AUTH_SECRET`, and `BETTER_AUTH_SECRET_PREVIOUS` after a rotation. */
  readonly auth: SecretData;
  /**
   * `BETTER_AUTH_SECRET_NEXT`: a rotation takes minutes to roll out, and pods of the old revision need the new secret
   * to accept the cookies that pods of the new revision sign.
   */
  readonly nextAuth: SecretData;
  /** `OPENAI_API_KEY`; empty without one. */
  readonly llm: SecretData;
  /** The Secrets that the database server reads; empty if the database is external. */
  readonly postgres: Pick<PostgresArgs, "secrets" | "appRole" | "backupSecrets" | "archiveSecret">;

  private readonly name: string;
  private readonly namespace: pulumi.Input<string>;

  constructor(name: string, args: AppSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:AppSecrets", name, {}, opts);
    this.name = name;
    this.namespace = args.namespace;

    const { next, ...auth } = this.createAuthSecrets(`${name}-auth`, args.versions.auth);
    this.auth = auth;
    this.nextAuth = { BETTER_AUTH_SECRET_NEXT: next };
    this.llm = args.openaiApiKey ? { OPENAI_API_KEY: args.openaiApiKey } : {};
    const logins = this.createLogins(name, args);
    const url = (login: DatabaseLogin) =>
      inClusterDatabaseUrl(args.databaseMode, login, args.clusterName);
    this.database = {
      DATABASE_URL: logins ? url(logins.app) : args.databaseUrl!,
      ...(args.databaseCa && { DATABASE_CA: args.databaseCa }),
    };
    this.migration = logins
      ? { DATABASE_URL: url(logins.owner), APP_DATABASE_URL: this.database.DATABASE_URL! }
      : this.database;
    this.postgres = logins ? this.createDatabaseSecrets(args, logins) : {};

    this.registerOutputs({});
  }

  /**
   * Creates the Secret of one workload, whose pods find each key as a file.
   *
   * @param reader name of the workload that reads it
   * @param data the keys that the workload needs, with their values
   */
  filesFor(reader: string, ...data: readonly SecretData[]): SecretFiles {
    return this.createSecret(reader, Object.assign({}, ...data) as SecretData);
  }

  private createSecret(reader: string, data: SecretData, type?: string): SecretFiles {
    const secret = new k8s.core.v1.Secret(
      `${this.name}-${reader}`,
      {
        metadata: { namespace: this.namespace, labels: objectLabels(reader) },
        stringData: data,
        type,
      },
      { parent: this },
    );
    return { name: secret.metadata.name, keys: Object.keys(data) };
  }

  /** One key encrypts and authenticates every backup. A drill has a server of its own, and logs in nowhere. */
  private createBackupSecrets(
    reading: SecretData,
    { password }: DatabaseLogin,
    bucketKey: AppSecretsArgs["bucketKey"],
  ): PostgresArgs["backupSecrets"] {
    const key = { BACKUP_KEY: this.generate(`${this.name}-backup-key`, 64) };
    return {
      backup: this.createSecret("backup", { ...key, ...reading }),
      restore: this.createSecret("restore", { ...key, POSTGRES_PASSWORD: password }),
      drill: this.createSecret("drill", key),
      ...(bucketKey && {
        bucket: this.createSecret("bucket", {
          [BUCKET_SECRET.id]: bucketKey.id,
          [BUCKET_SECRET.key]: bucketKey.key,
        }),
      }),
    };
  }

  private createDatabaseSecrets(
    { databaseMode, backup, bucketKey }: AppSecretsArgs,
    { owner, app }: Readonly<Record<"owner" | "app", DatabaseLogin>>,
  ): AppSecrets["postgres"] {
    if (databaseMode === "in-cluster") {
      const reading = backup && {
        BACKUP_PASSWORD: this.generate(`${this.name}-backup-login`, 32),
      };
      const data = { POSTGRES_PASSWORD: owner.password, ...reading };
      return {
        secrets: this.createSecret("postgres", data),
        ...(reading && { backupSecrets: this.createBackupSecrets(reading, owner, bucketKey) }),
      };
    }
    const basicAuth = (reader: string, { role, password }: DatabaseLogin) =>
      this.createSecret(reader, { username: role, password }, "kubernetes.io/basic-auth");
    const secrets = basicAuth("postgres", owner);
    const { name: secretName } = basicAuth("postgres-app", app);
    const archiveSecret = bucketKey && this.createArchiveSecret(bucketKey);
    return { secrets, appRole: { name: app.role, secretName }, archiveSecret };
  }

  /** What the servers of a CloudNativePG cluster log in with to the bucket. The plugin takes the region from it too. */
  private createArchiveSecret({ id, key, region }: NonNullable<AppSecretsArgs["bucketKey"]>) {
    const { name } = this.createSecret("bucket", {
      [BUCKET_SECRET.id]: id,
      [BUCKET_SECRET.key]: key,
      [BUCKET_SECRET.region]: region,
    });
    return name;
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

  /**
   * Creates one resource per version. Raising the counter thus keeps the previous value, and lowering it restores that
   * value.
   */
  private generateVersions(name: string, length: number, version: number) {
    const generate = (wanted: number) => this.generate(`${name}-v${wanted}`, length);
    return {
      generate,
      current: generate(version),
      previous: version > 1 ? generate(version - 1) : undefined,
    };
  }

  /** The logins of a database inside the cluster; undefined if the database is external. */
  private createLogins(name: string, args: AppSecretsArgs) {
    if (args.databaseMode === "external") return undefined;
    const { databasePassword, databaseOwnerPassword } = args.versions;
    const owner =
      databaseOwnerPassword === 1
        ? // Earlier releases set `keepers` on this password; removing them would generate a new one.
          this.generate(`${name}-database-password`, 32, ["keepers"])
        : this.generate(`${name}-database-owner-v${databaseOwnerPassword}`, 32);
    const app = this.generateVersions(`${name}-database-app`, 32, databasePassword);
    // Two roles alternate: the new version's role gets a new password, and pods of the previous version log in with the
    // other.
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
}
