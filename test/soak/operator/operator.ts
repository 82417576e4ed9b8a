/**
 * CloudNativePG and its plugin for backups on the local cluster: built from the Go modules that are pinned for their
 * CustomResourceDefinitions, and installed by the manifests of their releases, which those modules have.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { manifestVersion } from "../../../config/pins.ts";
import { numberOf, readPins, sha256 } from "../../../ops/lib/pins/pinsFile.ts";
import { kubectlIn, sh } from "../../e2e/support/shell.ts";

const NAMESPACE = "cnpg-system";
const REGISTRY = "localhost:5000/todo-app-test";
/** Image of the servers. Its tag must be the version of PostgreSQL. */
export const POSTGRES_IMAGE = `${REGISTRY}/cloudnative-pg-postgres:17`;
const OPERATOR_IMAGE = `${REGISTRY}/cloudnative-pg:latest`;
const PLUGIN_IMAGE = `${REGISTRY}/barman-cloud:latest`;
const SIDECAR_IMAGE = `${REGISTRY}/barman-cloud-sidecar:latest`;
/** What the local cluster always has of both, and keeps. */
const KEPT = /^(backups|clusters|scheduledbackups|objectstores)\./;

const kubectl = kubectlIn(NAMESPACE);
const cluster = (args: string) => sh(`kubectl --context minikube ${args}`);

const objectsOf = (manifest: string): any[] =>
  parseAllDocuments(manifest).map((document): any => document.toJS());
const isKept = ({ kind, metadata }: any) =>
  kind === "CustomResourceDefinition" && KEPT.test(metadata.name as string);

/** The operator's manifest, the one that preflight has installed, with the image that was built here. */
function operatorObjects(folder: string) {
  const version = manifestVersion("cloudNativePg");
  const content = readFileSync(join(folder, `releases/cnpg-${numberOf(version)}.yaml`));
  assert.equal(sha256(content), readPins("config/pins.json").manifests.cloudNativePg!.sha256);
  const image = /ghcr\.io\/cloudnative-pg\/cloudnative-pg:[\d.]+/g;
  return objectsOf(content.toString().replaceAll(image, OPERATOR_IMAGE));
}

function pluginObjects(folder: string) {
  const manifest = readFileSync(join(folder, "manifest.yaml"), "utf8");
  const objects = objectsOf(
    manifest.replace(/ghcr\.io\/cloudnative-pg\/plugin-barman-cloud\S*/, PLUGIN_IMAGE),
  );
  const secret = objects.find(({ kind }) => kind === "Secret");
  secret.data = { SIDECAR_IMAGE: Buffer.from(SIDECAR_IMAGE).toString("base64") };
  return objects;
}

/** The Deployments of the operator and, after it, of the plugin. */
const DEPLOYMENTS = ["cnpg-controller-manager", "barman-cloud"] as const;

export class Operator {
  private readonly folder = mkdtempSync(join(tmpdir(), "todo-app-operator-"));
  /** Files of a certificate that the plugin trusts, without their endings, once it is installed. */
  certificate = "";

  private write(file: string, objects: readonly any[]): string {
    const path = join(this.folder, file);
    writeFileSync(path, objects.map((object) => stringify(object)).join("---\n"));
    return path;
  }

  /** The file of what is removed together with a Deployment. */
  private readonly ownOf = (deployment: string) => `${deployment}.own.yaml`;

  async install(): Promise<void> {
    const printed = await sh("test/soak/operator/images.sh 2>/dev/null");
    const [operator, plugin, certificate] = printed.split("\n") as [string, string, string];
    this.certificate = certificate;
    const manifests = [operatorObjects(operator), pluginObjects(plugin)];
    for (const [index, deployment] of DEPLOYMENTS.entries()) {
      const objects = manifests[index]!;
      this.write(
        this.ownOf(deployment),
        objects.filter((object) => !isKept(object)),
      );
      const file = this.write(`${deployment}.yaml`, objects);
      await cluster(`apply --server-side --force-conflicts -f ${file}`);
      await kubectl(`rollout status deployment --timeout 180s ${deployment}`);
    }
  }

  /** Removes both, also where their installation has failed. The operator stays until the plugin is gone, which has a finalizer. */
  async remove(): Promise<void> {
    const files = DEPLOYMENTS.toReversed().map((name) => join(this.folder, this.ownOf(name)));
    try {
      for (const file of files.filter((path) => existsSync(path)))
        await cluster(`delete --ignore-not-found --timeout 120s -f ${file}`);
    } finally {
      rmSync(this.folder, { recursive: true });
    }
  }

  /** The last lines that the operator and its plugin have logged. */
  logs = (): Promise<string> =>
    sh(
      `for name in ${DEPLOYMENTS.join(" ")}; do kubectl --context minikube -n ${NAMESPACE} logs deployment/$name --tail 30 | cut -c 1-600; done`,
    );
}
