/** Images in a registry, by its HTTP API. */
import { createHash } from "node:crypto";

const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** The manifest of an image for one platform. */
export interface Manifest {
  readonly config: { readonly digest: string; readonly size: number };
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** The part of an image's configuration that is looked at. */
export interface Config {
  readonly config?: { readonly Labels?: Readonly<Record<string, string>> | null };
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly created_by?: string; readonly empty_layer?: boolean }[];
}

/** Where an image is that is named by digest. */
export function placeOf(reference: string) {
  const [, host = "", repository = "", digest = ""] = /^([^/]+)\/(.+)@(.+)$/.exec(reference) ?? [];
  return { host, repository, digest };
}

/** Asks the registry; an answer that is an error is thrown. */
export async function ask(host: string, path: string, init: RequestInit = {}): Promise<Response> {
  const url = new URL(path, `http://${host}/v2/`);
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url.host}${url.pathname} answers ${response.status}`);
  return response;
}

/** What the registry says of an image. @param reference a digest or a tag */
export async function look(host: string, repository: string, reference: string) {
  const headers = { accept: MANIFEST_TYPES.join() };
  const found = await ask(host, `${repository}/manifests/${reference}`, { headers });
  const manifest = (await found.json()) as Manifest;
  const config = await ask(host, `${repository}/blobs/${manifest.config.digest}`);
  const type = found.headers.get("content-type")!;
  return { manifest, type, config: (await config.json()) as Config };
}

const digestOf = (content: string) =>
  `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** Stores a blob, which may be there already. */
async function putBlob(host: string, repository: string, content: string): Promise<void> {
  const begun = await ask(host, `${repository}/blobs/uploads/`, { method: "POST" });
  const upload = new URL(begun.headers.get("location")!, `http://${host}`);
  upload.searchParams.set("digest", digestOf(content));
  const headers = { "content-type": "application/octet-stream" };
  await ask(host, upload.href, { method: "PUT", headers, body: content });
}

/**
 * Stores an image that differs from an existing one in a label: the same layers under another digest. Nothing is built, and the same
 * image gives the same one again.
 *
 * @returns its reference by digest
 */
export async function relabelled(reference: string, label: string): Promise<string> {
  const { host, repository, digest } = placeOf(reference);
  const { manifest, type, config } = await look(host, repository, digest);
  const Labels = { ...config.config?.Labels, [label]: "true" };
  const content = JSON.stringify({ ...config, config: { ...config.config, Labels } });
  await putBlob(host, repository, content);
  const changed = { digest: digestOf(content), size: Buffer.byteLength(content) };
  const body = JSON.stringify({ ...manifest, config: { ...manifest.config, ...changed } });
  const headers = { "content-type": type };
  await ask(host, `${repository}/manifests/${digestOf(body)}`, { method: "PUT", headers, body });
  return `${host}/${repository}@${digestOf(body)}`;
}
