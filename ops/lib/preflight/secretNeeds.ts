/** Secrets that operators create themselves. Preflight names those that are missing. */
import type { Cluster } from "./clusterApi.ts";
import { kubectl, unlessFound, type Check } from "./findings.ts";

interface Given {
  readonly namespace: string;
  readonly name: string;
  /** The key of the stage file that names the Secret. */
  readonly key: string;
  /** The arguments of `kubectl create secret`. */
  readonly create: string;
  /** What to do at the first deploy, before the namespace exists. */
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

/** Without this Secret, the deploy would print an https URL that has no certificate. */
export const tlsSecret: Check = ({ tls }, cluster, namespace) => {
  const key = tls.issuer === "ca" ? "caSecretName" : "secretName";
  const name = tls[key];
  if (!name) return [];
  return secretFindings(cluster, {
    namespace,
    name,
    key: `tls.${key}`,
    create: `tls ${name} --cert <file> --key <file>`,
    first: "deploy once with todo-app:tls.issuer none, which creates the namespace",
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
    first: `deploy once with todo-app:registryUsername instead of this key, which creates the namespace`,
  });
};
