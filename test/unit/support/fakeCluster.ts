/** A `kubectl` that answers for a cluster that does not exist, and a `docker` that works. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Answers each path with the content of a file, as `kubectl get --raw` would. A file called `denied` contains the text
 * of a refusal.
 */
const KUBECTL = `#!/bin/bash
cd "\${0%/*}/../answers" || exit
case "$*" in
  *"config view"*) cat cluster; exit ;;
  *"config get-contexts"*) echo staging; exit ;;
esac
arguments="$*"
path=\${arguments##*--raw=}
file=\${path//\\//_}
if [[ -e $file ]]; then cat "$file"
elif [[ -e denied$file ]]; then echo "Error from server (Forbidden): you may not" >&2; exit 1
else echo "Error from server (NotFound): not here" >&2; exit 1
fi
`;

export const list = (...names: string[]) => ({
  items: names.map((name) => ({ metadata: { name } })),
});
export const [INGRESS_CLASSES, CLASSES, STORAGE_CLASSES] = [
  "/apis/networking.k8s.io/v1/ingressclasses",
  "/apis/gateway.networking.k8s.io/v1/gatewayclasses",
  "/apis/storage.k8s.io/v1/storageclasses",
];
export const METRICS = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io";

/** A cluster that has everything. */
const COMPLETE: Readonly<Record<string, object>> = {
  "/readyz": {},
  "/api/v1/nodes": {
    items: [
      {
        metadata: { name: "node" },
        status: { nodeInfo: { architecture: "amd64", operatingSystem: "linux" } },
      },
    ],
  },
  "/version": { major: "1", minor: "30+", gitVersion: "v1.30.1-eks" },
  [INGRESS_CLASSES]: list("nginx", "traefik"),
  "/apis/gateway.networking.k8s.io/v1": {},
  [CLASSES]: list("envoy"),
  "/apis/cert-manager.io/v1": {},
  [METRICS]: { status: { conditions: [{ type: "Available", status: "True" }] } },
  [STORAGE_CLASSES]: {
    items: [
      {
        metadata: {
          name: "standard",
          annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
        },
      },
    ],
  },
  "/apis/postgresql.cnpg.io/v1": {},
  "/apis/barmancloud.cnpg.io/v1": {},
  "/apis/scheduling.k8s.io/v1/priorityclasses": list("high"),
  "/apis/apps/v1/daemonsets": {
    items: [
      { metadata: { name: "calico-node" }, spec: { template: { spec: { containers: [] } } } },
    ],
  },
  "/api/v1/namespaces/todo-app-qa/secrets/site": {},
};

/** Puts both in front of PATH for each test of the suite that calls it. */
export function withFakeCluster() {
  let folder: string;
  const path = process.env.PATH;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "preflight-"));
    for (const name of ["bin", "answers"]) mkdirSync(join(folder, name));
    for (const [name, text] of [
      ["kubectl", KUBECTL],
      ["docker", "#!/bin/sh\n"],
    ] as const) {
      writeFileSync(join(folder, "bin", name), text);
      chmodSync(join(folder, "bin", name), 0o755);
    }
    process.env.PATH = `${folder}/bin:${path}`;
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  const answer = (api: string, object: unknown, prefix = "") =>
    writeFileSync(
      join(folder, "answers", prefix + api.replaceAll("/", "_")),
      typeof object === "string" ? object : JSON.stringify(object),
    );
  /** The complete cluster with other answers; `null` takes one away, "denied" refuses it. */
  const cluster = (changes: Readonly<Record<string, object | string | null>> = {}) => {
    for (const [api, object] of Object.entries({ ...COMPLETE, ...changes }))
      if (object === "denied") answer(api, "", "denied");
      else if (object) answer(api, object);
    answer("cluster", changes.cluster ?? "company");
  };
  return { folder: () => folder, cluster };
}
