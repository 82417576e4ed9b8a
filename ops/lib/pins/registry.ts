/** Asks image registries (OCI distribution API v2), without an account. */
import { NoAnswer, ask, sha256 } from "./pinsFile.ts";

/** Lists of images by platform. The digest of anything else would be of an image for one platform. */
const INDEX_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

/** Parameters of a `WWW-Authenticate: Bearer` header. */
function challenge(header: string): Readonly<Record<string, string>> {
  const parameters = header.matchAll(/(\w+)="([^"]*)"/g);
  return Object.fromEntries(Array.from(parameters, ([, key, value]) => [key!, value!]));
}

/** A token without an account, as registries give it for public images. */
async function anonymousToken(header: string): Promise<string> {
  const { realm, ...parameters } = challenge(header);
  if (!realm || !/^Bearer /i.test(header)) throw new NoAnswer(`it requires a login (${header})`);
  const response = await ask(`${realm}?${new URLSearchParams(parameters)}`);
  if (!response.ok) throw new NoAnswer(`${realm} answers ${response.status}`);
  const { token, access_token } = (await response.json()) as {
    readonly token?: string;
    readonly access_token?: string;
  };
  return token ?? access_token ?? "";
}

/** Plain HTTP for a registry on this machine, and HTTPS for every other: the rule that Docker has. */
const origin = (host: string) =>
  /^(localhost|127\.0\.0\.1)(:|$)/.test(host) ? `http://${host}` : `https://${host}`;

/**
 * The current digest of a tag.
 *
 * @param image registry, path and tag, such as `docker.io/library/node:24-slim`
 * @throws NoAnswer where the registry can't be asked, or where the tag is not a list of platforms
 */
export async function digestOf(image: string): Promise<string> {
  const [, host = "", path = "", tag = ""] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const registry = origin(host === "docker.io" ? "registry-1.docker.io" : host);
  const url = `${registry}/v2/${path}/manifests/${tag}`;
  const headers = { accept: INDEX_TYPES.join(", ") };
  let response = await ask(url, { headers });
  if (response.status === 401) {
    const token = await anonymousToken(response.headers.get("www-authenticate") ?? "");
    response = await ask(url, { headers: { ...headers, authorization: `Bearer ${token}` } });
  }
  if (!response.ok) throw new NoAnswer(`${url} answers ${response.status}`);
  const type = response.headers.get("content-type")?.split(";")[0] ?? "";
  if (!INDEX_TYPES.includes(type))
    throw new NoAnswer(`${url} is not a list of platforms but ${type || "of no type"}`);
  const digest = `sha256:${sha256(await response.bytes())}`;
  const said = response.headers.get("docker-content-digest");
  if (said && said !== digest) throw new NoAnswer(`${url} says ${said} and sends ${digest}`);
  return digest;
}
