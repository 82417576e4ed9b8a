/**
 * A volume that the kubelet reports on. Those of the local cluster are directories of this machine (hostPath), of which it reports
 * nothing: they have no size of their own. This one is a file system in a file, mounted on this machine and known as a local volume.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, sh } from "../../e2e/support/shell.ts";

const MEBIBYTE = 2 ** 20;

/** Creates an object that belongs to no namespace. */
const create = (object: object) =>
  sh(`kubectl --context minikube create -f - <<'JSON'\n${JSON.stringify(object)}\nJSON`);

/** @param name also of the StorageClass of the volumes, which makes none by itself */
export function ownVolumes(name: string, namespace: string) {
  const folder = mkdtempSync(join(tmpdir(), "todo-app-volumes-"));
  const claims: string[] = [];
  const pathOf = (claim: string) => join(folder, claim);
  const volumeOf = (claim: string) => `${namespace}-${claim}`;

  const persistentVolume = (claim: string, mebibytes: number) => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: volumeOf(claim) },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: `${mebibytes}Mi` },
      claimRef: { namespace, name: claim },
      local: { path: pathOf(claim) },
      // All nodes share the file system of this machine.
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "Exists" }] },
          ],
        },
      },
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName: name,
    },
  });

  return {
    createClass: () =>
      create({
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name },
        provisioner: "kubernetes.io/no-provisioner",
      }),
    /** Makes the volume that a claim of the namespace will get. */
    add: async (claim: string, mebibytes: number) => {
      mkdirSync(pathOf(claim));
      const file = `${pathOf(claim)}.img`;
      // Without -m 0, only root could use the last 5 %.
      await sh(
        `truncate -s ${mebibytes}M ${file}; mkfs.ext4 -q -m 0 ${file}; ` +
          `mount -o loop ${file} ${pathOf(claim)}; rmdir ${pathOf(claim)}/lost+found; chmod 777 ${pathOf(claim)}`,
      );
      claims.push(claim);
      await create(persistentVolume(claim, mebibytes));
    },
    /** Writes a file until this share of the volume is used. */
    fill: async (claim: string, share: number) => {
      const { blocks, bfree, bsize } = statfsSync(pathOf(claim));
      const bytes = Math.ceil((share * blocks - (blocks - bfree)) * bsize);
      await sh(`fallocate -l ${Math.ceil(bytes / MEBIBYTE)}MiB ${pathOf(claim)}/filler`);
    },
    empty: (claim: string) => rmSync(join(pathOf(claim), "filler")),
    /** Removes everything; the namespace must be gone. */
    remove: async () => {
      for (const claim of claims) {
        await sh(`kubectl --context minikube delete pv ${volumeOf(claim)} --ignore-not-found`);
        await eventually(60, async () => {
          await sh(`umount ${pathOf(claim)}`);
        });
      }
      await sh(`kubectl --context minikube delete storageclass ${name} --ignore-not-found`);
      rmSync(folder, { recursive: true });
    },
  };
}
