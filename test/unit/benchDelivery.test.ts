/** How `make bench` makes another release without a build, and what it is told. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { roundsWanted } from "../../bench/delivery/measureDelivery.ts";
import { relabelled } from "../../bench/registry.ts";

const digestOf = (content: string) =>
  `sha256:${createHash("sha256").update(content).digest("hex")}`;
const PATH = "/v2/todo-app/backend";
const TYPE = "application/vnd.oci.image.manifest.v1+json";

describe("another image for a release", () => {
  const config = JSON.stringify({
    config: { Env: ["A=1"], Labels: { title: "backend" } },
    rootfs: { diff_ids: ["sha256:1"] },
    history: [],
  });
  const manifest = JSON.stringify({
    config: { mediaType: "config", digest: digestOf(config), size: config.length },
    layers: [{ digest: "sha256:1", size: 3 }],
  });
  let stored: Map<string, string>;
  let server: Server;
  let host: string;

  /** Stores what is put under its digest, as a registry does. */
  async function store(request: IncomingMessage): Promise<number> {
    const { pathname, searchParams } = new URL(request.url!, "http://registry");
    const content = (await buffer(request)).toString();
    const digest = searchParams.get("digest") ?? pathname.split("/").at(-1);
    if (digest !== digestOf(content)) return 400;
    const kind = searchParams.has("digest") ? "blobs" : "manifests";
    stored.set(`${PATH}/${kind}/${digest}`, content);
    return 201;
  }

  beforeEach(async () => {
    stored = new Map([
      [`${PATH}/manifests/${digestOf(manifest)}`, manifest],
      [`${PATH}/blobs/${digestOf(config)}`, config],
    ]);
    server = createServer((request, response) => {
      const { method, url } = request;
      if (method === "POST") response.writeHead(202, { location: `${url}1?_state=a` }).end();
      else if (method === "PUT") void store(request).then((code) => response.writeHead(code).end());
      else if (stored.has(url!))
        response.writeHead(200, { "content-type": TYPE }).end(stored.get(url!));
      else response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => server.close());

  it("has the same layers and one more label, and is the same one each time", async () => {
    const reference = `${host}/todo-app/backend@${digestOf(manifest)}`;
    const other = await relabelled(reference, "bench");
    assert.notEqual(other, reference);
    assert.equal(await relabelled(reference, "bench"), other);
    const [, digest] = other.split("@");
    const found = JSON.parse(stored.get(`${PATH}/manifests/${digest}`)!) as {
      config: { digest: string; size: number };
    };
    const content = stored.get(`${PATH}/blobs/${found.config.digest}`)!;
    const before = JSON.parse(manifest) as { config: object };
    const { size } = found.config;
    assert.deepEqual(found, {
      ...before,
      config: { ...before.config, digest: digestOf(content), size },
    });
    assert.equal(size, content.length);
    assert.deepEqual((JSON.parse(content) as { config: object }).config, {
      Env: ["A=1"],
      Labels: { title: "backend", bench: "true" },
    });
  });

  it("needs one that exists", async () => {
    const reference = `${host}/todo-app/backend@sha256:${"0".repeat(64)}`;
    await assert.rejects(relabelled(reference, "bench"), /todo-app\/backend\/.* answers 404/);
  });
});

describe("the rounds of make bench", () => {
  it("are a number from 1 to 99", () => {
    assert.equal(roundsWanted("12"), 12);
    for (const wrong of ["0", "100", "1.5"])
      assert.throws(() => roundsWanted(wrong), { fix: "make bench ROUNDS=7" });
  });
});
