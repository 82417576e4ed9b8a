/** Finds the pod of a service that runs in development. */
import { NAME_LABEL } from "../../../components/kubernetes/labels.ts";
import { DEVELOPMENT } from "../../../components/kubernetes/names.ts";
import { request, type Place } from "../kubectl.ts";
import type { ApiObject } from "../watch/objects.ts";

/** A pod that takes sources; that none does yet; or that the service runs its built image. */
export type Found = { readonly pod: string } | "none" | "built";

const isRunning = ({ status }: ApiObject) =>
  status?.containerStatuses?.every(({ state }) => state.running) ?? false;

/** @param pods all pods of the service */
export function developmentPodIn(pods: readonly ApiObject[]): Found {
  const staying = pods.filter(({ metadata }) => !metadata.deletionTimestamp);
  const developing = staying.filter(
    ({ metadata }) => metadata.annotations?.[DEVELOPMENT] === "true",
  );
  if (staying.length && !developing.length) return "built";
  const running = developing.filter(isRunning);
  const newest = running.toSorted((a, b) =>
    (a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1,
  )[0];
  return newest ? { pod: newest.metadata.name } : "none";
}

/** The pod of a service that takes sources. An API server that does not answer counts as no pod. */
export async function developmentPod(place: Place, service: string): Promise<Found> {
  const selector = `--selector=${NAME_LABEL}=${service}`;
  const { code, stdout } = await request(place, ["get", "pods", selector, "--output=json"]);
  if (code !== 0) return "none";
  return developmentPodIn((JSON.parse(stdout) as { items: ApiObject[] }).items);
}
