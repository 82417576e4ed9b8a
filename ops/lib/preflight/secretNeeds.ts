/** Secrets that somebody else fills: preflight names the ones that are missing. */
import type { Cluster } from "./clusterApi.ts";
import { kubectl, unlessFound, type Check } from "./findings.ts";

interface Given {
  readonly namespace: string;
  readonly name: string;
  /** Key of the stage file that names it. */
  readonly key: string;
  /** Arguments of `kubectl create secret`. */
  readonly create: string;
  /** What to do on the first deploy, before the namespace is there. */
  readonly first: string;
}

async function secretFindings(cluster: Cluster, { namespace, name, key, create, first }: Given) {
  const path = `/api/v1/namespaces/${namespace}`;
  const [inside, secret] = await Promise.all([
    cluster.read(path),
    cluster.read(`${path}/secrets/${name}`),
  ]);
  const command = kubectl(cluster, `--namespace ${namespace} create secret ${create}`);
  return unlessFound(
    secret,
    `Secret ${namespace}/${name}, which todo-app:${key} names`,
    inside.state === "absent" ? `${first}, then ${command}` : command,
  );
}

/** Without it, the deploy would end with an https URL that no certificate stands behind. */
export const tlsSecret: Check = ({ tls }, cluster, namespace) => {
  const key = tls.issuer === "ca" ? "caSecretName" : "secretName";
  const name = tls[key];
  if (!name) return [];
  return secretFindings(cluster, {
    namespace,
    name,
    key: `tls.${key}`,
    create: `tls ${name} --cert <file> --key <file>`,
    first: "deploy once with todo-app:tls.issuer none, which makes the namespace",
  });
};

export const pullSecret: Check = ({ images }, cluster, namespace) => {
  const name = images.pullSecretName;
  if (!name) return [];
  return secretFindings(cluster, {
    namespace,
    name,
    key: "images.pullSecretName",
    create: `docker-registry ${name} --docker-server ${images.registry} --docker-username <name> --docker-password <token>`,
    first: `make the namespace by a deploy with todo-app:registryUsername in the key's place`,
  });
};
