/** Registries and release pages on this machine that answer as the real ones do. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const INDEX = "application/vnd.oci.image.index.v1+json";
const TOKEN = "only-for-this-test";

/** What the server has; tests change it. */
export interface Shelf {
  /** Content of a tag, by `path:tag`, with the media type if it is no list of platforms. */
  readonly images: Record<string, { readonly content: string; readonly type?: string }>;
  /** The latest release, by project. */
  readonly releases: Record<string, string>;
  /** Files, by path. */
  readonly files: Record<string, string>;
}

/** Serves a registry that requires a token for exactly the repository that is requested. */
function registry(shelf: Shelf, request: IncomingMessage, response: ServerResponse): void {
  const [, path = "", tag = ""] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(request.url!) ?? [];
  if (request.headers.authorization !== `Bearer ${TOKEN} repository:${path}:pull`) {
    const realm = `http://${request.headers.host}/token`;
    response.setHeader(
      "www-authenticate",
      `Bearer realm="${realm}",service="registry",scope="repository:${path}:pull"`,
    );
    response.writeHead(401).end("{}");
    return;
  }
  const image = shelf.images[`${path}:${tag}`];
  if (!image || !request.headers.accept?.includes(INDEX)) {
    response.writeHead(404).end("{}");
    return;
  }
  response.setHeader("docker-content-digest", `sha256:${sha256(image.content)}`);
  response.setHeader("content-type", image.type ?? INDEX);
  response.end(image.content);
}

function answer(shelf: Shelf, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url!, "http://localhost");
  if (pathname.startsWith("/v2/")) return registry(shelf, request, response);
  if (pathname === "/token") {
    response.end(JSON.stringify({ token: `${TOKEN} ${searchParams.get("scope")}` }));
    return;
  }
  const [, project = ""] = /^\/(.+)\/releases\/latest$/.exec(pathname) ?? [];
  const release = shelf.releases[project];
  if (release) {
    response.setHeader("location", `/${project}/releases/tag/${release}`);
    response.writeHead(302).end();
    return;
  }
  const file = shelf.files[pathname];
  response.writeHead(file === undefined ? 404 : 200).end(file);
}

/** Starts the server on a free port; gives its address and the function that stops it. */
export async function serve(shelf: Shelf): Promise<{ host: string; stop: () => void }> {
  const server = createServer((request, response) => answer(shelf, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { host: `127.0.0.1:${port}`, stop };
}
