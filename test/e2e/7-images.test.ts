/** The two deployed images run without privileges, write only to the declared paths, and contain no tools. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { attempt, eventually, sh } from "./support/shell.ts";

/** Prints, as JSON, every folder in which this user can create a file. */
const FIND_WRITABLE = {
  backend: `python -c '
import json, os
found = []
for folder, children, _ in os.walk("/"):
    if folder in ("/proc", "/sys", "/dev/mqueue"): children.clear(); continue
    try: open(folder + "/.probe", "x").close(); os.remove(folder + "/.probe"); found.append(folder)
    except OSError: pass
print(json.dumps(sorted(found)))'`,
  frontend: `node -e '
const fs = require("fs"), found = [];
(function walk(folder) {
  if (["/proc/", "/sys/", "/dev/mqueue/"].includes(folder)) return;
  try { fs.writeFileSync(folder + ".probe", "", { flag: "wx" }); fs.rmSync(folder + ".probe"); found.push(folder.slice(0, -1)); } catch {}
  let entries = []; try { entries = fs.readdirSync(folder, { withFileTypes: true }); } catch {}
  for (const entry of entries) if (entry.isDirectory()) walk(folder + entry.name + "/");
})("/");
console.log(JSON.stringify(found.sort()))'`,
};
const SECRETS =
  "-e DATABASE_URL=postgresql://todo:todo@127.0.0.1:1/todo -e BETTER_AUTH_SECRET=0123456789abcdef0123456789abcdef";

const IMAGES = {
  backend: {
    writable: ["/tmp"],
    settings: SECRETS,
    base: "python",
    tag: "3.13-slim",
    megabytes: 25,
  },
  frontend: {
    writable: ["/app/.next/cache", "/tmp"],
    settings: `${SECRETS} -e BACKEND_URL=http://127.0.0.1:8000 -e FRONTEND_URL=http://localhost:3000`,
    base: "node",
    tag: "24-slim",
    megabytes: 15,
  },
} as const;

interface Manifest {
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

for (const [name, { writable, settings, base, tag, megabytes }] of Object.entries(IMAGES))
  describe(`the ${name} image`, () => {
    let image: string;
    let container: string;
    const inside = (command: string) => sh(`docker exec ${container} ${command}`);

    before(async () => {
      const images = JSON.parse(
        await sh("pulumi stack output --stack dev --json images"),
      ) as Record<string, string>;
      image = images[name]!;
      const mounts = writable.map((path) => `--tmpfs ${path}:mode=1777`).join(" ");
      container = await sh(
        `docker pull --quiet ${image} >/dev/null; docker run --detach --read-only --cap-drop ALL --security-opt no-new-privileges ` +
          `--user 10001:10001 --network none --ipc none ${mounts} ${settings} ${image}`,
      );
    });
    after(() => sh(`docker rm --force ${container}`));

    it("becomes healthy with a read-only root, without capabilities, as a numeric user", async () => {
      await eventually(30, async () => {
        const state = await sh(
          `docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' ${container}`,
        );
        assert.equal(state, "running healthy", await sh(`docker logs ${container} 2>&1`));
      });
      assert.equal(await sh(`docker inspect --format '{{.Config.User}}' ${image}`), "10001:10001");
    });

    it("can write to the declared paths, and to no others", async () => {
      const found = JSON.parse(
        await inside(FIND_WRITABLE[name as keyof typeof FIND_WRITABLE]),
      ) as string[];
      assert.deepEqual(found, writable);
    });

    it("has no shell, package manager or compiler", async () => {
      for (const tool of [
        "sh",
        "bash",
        "dash",
        "apt-get",
        "dpkg",
        "pip",
        "uv",
        "npm",
        "npx",
        "gcc",
        "cc",
        "make",
      ]) {
        const { output } = await attempt(`docker exec ${container} ${tool} --version`);
        assert.match(output, /executable file not found|no such file/i, tool);
      }
    });

    it("has labels that describe it, and adds little to its base image", async () => {
      const title = await sh(
        `docker inspect --format '{{index .Config.Labels "org.opencontainers.image.title"}}' ${image}`,
      );
      assert.equal(title, `todo-app ${name}`);
      const manifest = async (repository: string, reference: string): Promise<Manifest> => {
        const accept =
          "application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json";
        return JSON.parse(
          await sh(
            `curl -fsS -H 'Accept: ${accept}' http://localhost:5000/v2/${repository}/manifests/${reference}`,
          ),
        ) as Manifest;
      };
      const layers = (await manifest(`todo-app/${name}`, image.split("@")[1]!)).layers;
      const inBase = new Set(
        (await manifest(`library/${base}`, tag)).layers.map(({ digest }) => digest),
      );
      const own = layers.filter(({ digest }) => !inBase.has(digest));
      assert.ok(own.length < layers.length, "the base's layers are shared");
      const size = own.reduce((total, layer) => total + layer.size, 0) / 1e6;
      assert.ok(size <= megabytes, `own layers: ${size.toFixed(1)} MB compressed`);
    });

    it("has a bill of materials that names the base's packages and the locked dependencies", async () => {
      await sh("make sbom");
      const sbom = JSON.parse(readFileSync(`sbom/${name}.cdx.json`, "utf8")) as {
        bomFormat: string;
        components: { name: string; version?: string }[];
      };
      assert.equal(sbom.bomFormat, "CycloneDX");
      const names = sbom.components.map((component) => component.name);
      for (const expected of ["libc6", name === "backend" ? "fastapi" : "next"])
        assert.ok(names.includes(expected), expected);
    });
  });
