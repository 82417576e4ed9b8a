/**
 * What a pipeline works with: a checkout, a state in a bucket, and a cluster that it may deploy to. It has stages named staging and
 * production of its own, in their own namespaces, beside those that the other tests use.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import pins from "../../../config/pins.json" with { type: "json" };
import { S3Server } from "../../contract/s3Server.ts";
import { attempt, makeCheckout, sh } from "../support/shell.ts";

/** The images of a release, by service and digest. */
export type Images = Readonly<Record<string, string>>;

export const STAGES = ["staging", "production"] as const;
export const namespaceOf = (stage: string) => `pipeline-${stage}`;
export const DOMAIN = "todo-app.local";
export const hostOf = (stage: string) => `${namespaceOf(stage)}.${DOMAIN}`;

/** The images of the local cluster are in its registry, and the database by its tag: it may be a stand-in with another digest. */
const ofThisCluster = (images: Images) => ({
  "todo-app:images": { registry: "localhost:5000", ...images },
  "todo-app:database": { mode: "in-cluster", image: pins.images.postgres.name },
});

/** A release with the same layers under another digest of the backend, so that none is built: a line more in its manifest. */
export async function anotherRelease(images: Images): Promise<Images> {
  const [, registry, path, digest] = /^([^/]+)\/(.+?)(?::[^:@/]+)?@(.+)$/.exec(images.backend!)!;
  const manifests = `http://${registry}/v2/${path}/manifests`;
  const types =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, " +
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";
  const found = await fetch(`${manifests}/${digest}`, { headers: { Accept: types } });
  assert.equal(found.status, 200);
  const type = { "Content-Type": found.headers.get("content-type")! };
  const body = `${await found.text()}\n`;
  const put = await fetch(`${manifests}/pipeline`, { method: "PUT", headers: type, body });
  assert.equal(put.status, 201, await put.text());
  const other = put.headers.get("docker-content-digest")!;
  return { ...images, backend: `${registry}/${path}@${other}` };
}

/** A runner of a pipeline. Its jobs have no login of this machine, nor what this machine remembers of its stages. */
export class Pipeline {
  /** Its checkout. */
  cwd = "";
  private readonly folder = mkdtempSync(join(tmpdir(), "todo-app-pipeline-"));
  private readonly session = "of-this-session";
  private readonly bucket = new S3Server(this.session);

  async start(): Promise<void> {
    for (const name of ["state", "credentials"]) mkdirSync(join(this.folder, name));
    await this.bucket.start("127.0.0.1");
    this.cwd = await makeCheckout();
    const { endpoint, bucket, region } = this.bucket;
    await this.run(
      `pulumi login 's3://${bucket}?endpoint=${endpoint}&s3ForcePathStyle=true&region=${region}'`,
    );
    assert.match(await this.run("pulumi whoami --verbose 2>/dev/null"), /Backend URL: s3:/);
  }

  async remove(): Promise<void> {
    await this.bucket.remove();
    for (const each of [this.folder, this.cwd]) rmSync(each, { recursive: true });
  }

  /** The environment of its jobs: after the login, no variable says where the state is, as in the workflows. */
  private get env() {
    return {
      CLUSTER: "context",
      XDG_STATE_HOME: join(this.folder, "state"),
      PULUMI_CREDENTIALS_PATH: join(this.folder, "credentials"),
      PULUMI_BACKEND_URL: "",
      PULUMI_CONFIG_PASSPHRASE_FILE: "",
      PULUMI_CONFIG_PASSPHRASE: "of-the-pipeline",
      AWS_ACCESS_KEY_ID: this.bucket.keyId,
      AWS_SECRET_ACCESS_KEY: this.bucket.key,
      AWS_SESSION_TOKEN: this.session,
      RUNNER_TEMP: this.folder,
    };
  }

  /** Runs a line in the checkout, and returns even if it fails. @param env added to that of its jobs */
  attempt(line: string, env: Readonly<Record<string, string>> = {}) {
    return attempt(line, { cwd: this.cwd, env: { ...this.env, ...env } });
  }

  /** Runs a line that must succeed in the checkout. @returns its output */
  run(line: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    return sh(line, { cwd: this.cwd, env: { ...this.env, ...env } });
  }

  /** Writes the file of one of its stages as it is committed: small, and with a release by digest. */
  writeStage(stage: string, images: Images): void {
    const file = join(this.cwd, `Pulumi.${stage}.yaml`);
    const { config, ...rest } = parse(readFileSync(file, "utf8"));
    const settings = {
      "pulumi:disable-default-providers": ["kubernetes"],
      "todo-app:kubernetesContext": stage,
      "todo-app:namespace": namespaceOf(stage),
      "todo-app:host": hostOf(stage),
      // The policy pack asks for it.
      "todo-app:protectResources": stage === "production",
      "todo-app:backend": { replicas: 1 },
      "todo-app:frontend": { replicas: 1 },
      "todo-app:route": config["todo-app:route"],
      "todo-app:automaticRollback": config["todo-app:automaticRollback"],
    };
    const route = { ...settings["todo-app:route"], namespace: "ingress-nginx" };
    const content = { ...settings, "todo-app:route": route, ...ofThisCluster(images) };
    writeFileSync(file, stringify({ ...rest, config: content }));
  }

  /** Adds to the file of a pull request's stage what makes a build needless, and an image of the database that this cluster has. */
  withoutBuild(stage: string, images: Images): void {
    const file = join(this.cwd, `Pulumi.${stage}.yaml`);
    const { config, ...rest } = parse(readFileSync(file, "utf8"));
    writeFileSync(file, stringify({ ...rest, config: { ...config, ...ofThisCluster(images) } }));
  }
}
