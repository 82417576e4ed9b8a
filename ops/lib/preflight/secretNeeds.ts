/** Secrets that operators create themselves. Preflight names those that are missing. */
import type { Stage as Configuration } from "../../../config/schema.ts";
import { SERVICE_NAMES } from "../../../config/services.ts";
import type { Cluster } from "./clusterApi.ts";
import { kubectl, unlessFound, type Check, type Finding } from "./findings.ts";

interface Secret {
  readonly type?: string;
  /** The values, in base64. They are shown nowhere. */
  readonly data?: Readonly<Record<string, string>>;
}

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

/**
 * What to report about a Secret that a stage names.
 *
 * @param check looks at the Secret where it exists
 * @default its existence is enough
 */
async function secretFindings(
  cluster: Cluster,
  { namespace, name, key, create, first }: Given,
  check: (secret: Secret, command: string) => readonly Finding[] = () => [],
): Promise<readonly Finding[]> {
  const path = `/api/v1/namespaces/${namespace}`;
  const [inside, secret] = await Promise.all([
    cluster.read(path),
    cluster.read(`${path}/secrets/${name}`),
  ]);
  const command = kubectl(cluster, `--namespace ${namespace} create secret ${create}`);
  if (secret.state === "found") return check(secret.object as Secret, command);
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

const PULL_SECRET = "kubernetes.io/dockerconfigjson";

/** The hosts for which a Secret has logins. A login without its own scheme and path is matched by its host alone. */
function hostsIn({ data }: Secret): readonly string[] {
  const content = Buffer.from(data?.[".dockerconfigjson"] ?? "", "base64").toString();
  const { auths = {} } = JSON.parse(content || "{}") as { readonly auths?: object };
  return Object.keys(auths).map((server) => server.replace(/^https?:\/\//, "").split("/")[0]!);
}

/** Whether nodes use a login for this host: `*` stands for a part between dots, and Docker Hub has two names. */
function isFor(registry: string, host: string): boolean {
  const pattern = host.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^.]*");
  const names = registry === "docker.io" ? [registry, "index.docker.io"] : [registry];
  return names.some((name) => new RegExp(`^${pattern}$`).test(name));
}

/** Kubernetes accepts another type in a pod, and only the pull fails: minutes later, and with the registry's error. */
const pullSecretProblems =
  ({ images }: Configuration, { namespace, name }: Given) =>
  (secret: Secret, command: string): readonly Finding[] => {
    const which = `Secret ${namespace}/${name}, which todo-app:images.pullSecretName names,`;
    if (secret.type !== PULL_SECRET)
      return [
        {
          missing: `${which} of type ${PULL_SECRET}; it has the type ${secret.type ?? "Opaque"}, which can't be changed`,
          fix: `${command.replace(/create secret .*/, `delete secret ${name}`)} && ${command}`,
        },
      ];
    const hosts = hostsIn(secret);
    const isUsed = SERVICE_NAMES.some((service) => !images[service]);
    if (!isUsed || hosts.some((host) => isFor(images.registry, host))) return [];
    const others = hosts.join(", ") || "none";
    return [{ warning: `${which} has no login for ${images.registry}; it has: ${others}` }];
  };

export const pullSecret: Check = (config, cluster, namespace) => {
  const { pullSecretName: name, registry } = config.images;
  if (!name) return [];
  const given: Given = {
    namespace,
    name,
    key: "images.pullSecretName",
    create: `docker-registry ${name} --docker-server ${registry} --docker-username <name> --docker-password <token>`,
    first: `deploy once with todo-app:registryUsername instead of this key, which creates the namespace`,
  };
  return secretFindings(cluster, given, pullSecretProblems(config, given));
};

/** User names that stand for a short-lived token, and how long it is valid. */
const SHORT_LIVED: ReadonlyMap<string, string> = new Map([
  ["AWS", "12 hours"],
  ["oauth2accesstoken", "1 hour"],
  ["00000000-0000-0000-0000-000000000000", "3 hours"],
]);

/** A pod that starts on another node later pulls again, and its login has ended by then. */
export const lastingLogin: Check = ({ images, registryUsername }) => {
  const lifetime = SHORT_LIVED.get(registryUsername);
  if (!lifetime || images.pullSecretName) return [];
  return [
    {
      warning: `nodes pull with the token of todo-app:registryUsername ${registryUsername}, which ends after ${lifetime}; docs/registry.md says what lasts for ${images.registry}`,
    },
  ];
};
