/** The official Pulumi: fetched where the machine has none, and given up within seconds where there is no internet. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchWith, installScript } from "../../ops/lib/engine/official.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SDK = (
  JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  }
).dependencies;
const VERSION = SDK["@pulumi/pulumi"]!;
/** Stands in for the installer of the site. It checks its options, and installs two programs. */
const INSTALLER = `
[ "$1 $2 $4 $5" = "--no-edit-path --install-root --version ${VERSION}" ] || { echo "wrong: $*"; exit 1; }
mkdir -p "$3/bin"
for name in pulumi pulumi-language-nodejs; do echo '#!/bin/sh' >"$3/bin/$name"; chmod +x "$3/bin/$name"; done
`;

describe("the official Pulumi", () => {
  let folder: string;
  let server: Server | undefined;
  const at = (name: string) => join(folder, name);
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "official-")));
    for (const name of ["bin", "home"]) mkdirSync(at(name));
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    rmSync(folder, { recursive: true });
  });

  async function serve(answer: RequestListener): Promise<string> {
    server = createServer(answer).listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const NOWHERE = "http://127.0.0.1:1";

  /** Runs lines of a shell that has the functions of `local/`, on a machine with nothing but the system's own programs. */
  async function shell(lines: string, site = NOWHERE) {
    const files = ["lib.sh", "toolchain/toolchain.sh", "plugins/plugins.sh"];
    const sources = files.map((file) => `source ${join(ROOT, "local", file)}`).join("; ");
    const env = {
      PATH: `${at("bin")}:/usr/bin:/bin`,
      HOME: at("home"),
      XDG_STATE_HOME: at("state"),
      XDG_CACHE_HOME: at("cache"),
      TODO_APP_PULUMI_SITE: site,
    };
    const child = spawn("bash", ["-c", `${sources}; ${lines}`], { env });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [status] = (await once(child, "close")) as [number];
    return { output, status };
  }
  const program = (name: string, text = "") =>
    writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  const USE = 'official_pulumi && echo "$PULUMI_CHOICE at $(readlink -f "$(type -P pulumi)")"';
  const installed = () => at(`home/.pulumi/versions/${VERSION}`);

  it("is fetched in the version of the SDK, with a word about it, and asked for no second time", async () => {
    const site = await serve((_, response) => response.end(INSTALLER));
    const { output } = await shell(USE, site);
    assert.match(output, /^ {2}fetch the official Pulumi \S+ into \S+ … \d+ s$/m);
    const used = `official ${VERSION}, in ${installed()} at ${installed()}/bin/pulumi\n`;
    assert.ok(output.endsWith(used), output);
    assert.equal((await shell(USE)).output, used, "without the site");
  });

  it("is not fetched where the machine has a Pulumi, or one that was built", async () => {
    const built = `with_pulumi_build tool_dir; mkdir -p "$TOOL_DIR"; cp /bin/true "$TOOL_DIR/pulumi-language-nodejs"`;
    const { output, status } = await shell(`${built}; official_pulumi`);
    assert.deepEqual([output.split("\n")[0]!.slice(0, 6), status], ["error:", 1]);
    for (const name of ["pulumi", "pulumi-language-nodejs"]) program(name);
    const own = await shell('machine_has_pulumi && echo "$PULUMI_CHOICE"');
    assert.equal(own.output, `${at("bin/pulumi")}, of this machine\n`);
  });

  it("is given up at once, in one line, where the site can't be reached, and leaves nothing", async () => {
    const begin = Date.now();
    const { output } = await shell("official_pulumi || echo build");
    assert.match(
      output,
      /^ {2}fetch .* … not possible: 127\.0\.0\.1:1 can't be reached: .+\nbuild\n$/,
    );
    assert.ok(Date.now() - begin < 4_000);
    assert.ok(!existsSync(at("home/.pulumi")));
  });

  it("is given up where the site refuses, and where the installer fails, with what was said", async () => {
    const refusing = await serve((_, response) => response.writeHead(403).end());
    const refused = await shell("official_pulumi || echo build", refusing);
    assert.match(refused.output, /can't be reached: it answers 403 Forbidden\nbuild\n$/);
    server!.close();
    const failing = await serve((_, response) => response.end("echo no space left; exit 1"));
    const failed = await shell("official_pulumi || echo build", failing);
    assert.match(failed.output, / … failed: no space left\nbuild\n$/);
  });

  it("is given up where the site does not answer in time", async () => {
    const site = await serve(() => {});
    await assert.rejects(installScript(site, 100), /can't be reached: no answer within 0\.1 s/);
  });

  it("is given up where the installer comes to no end, and so are the programs that it has started", async () => {
    const pid = at("pid");
    const line = ["sh", "-c", `sleep 60 & echo $! >${pid}; wait`] as const;
    assert.equal(await fetchWith({ line }, 500), "not done after 0.5 s");
    const { output } = await shell(`ps -o stat= -p ${readFileSync(pid, "utf8").trim()} || true`);
    assert.match(output.trim(), /^(Z.*)?$/);
  });

  describe("plugins", () => {
    const REFUSED = "state/todo-app/official-plugins-refused";
    const OFFICIAL = "official_plugin docker 5.2.0 && echo official";

    it("are fetched by the engine, with a word about it", async () => {
      program("pulumi", '[ "$*" = "plugin install resource docker 5.2.0" ]');
      const { output } = await shell(OFFICIAL, await serve((_, response) => response.end()));
      assert.match(output, /^ {2}fetch the official plugin docker 5\.2\.0 … \d+ s\nofficial\n$/);
    });

    it("are asked for again after an hour where the site can't be reached", async () => {
      const { output } = await shell(`${OFFICIAL}; ${OFFICIAL}; true`);
      assert.equal(output.match(/not possible/g)?.length, 1, output);
      assert.ok(existsSync(at(REFUSED)));
      const later = await shell(`touch -d '61 minutes ago' ${at(REFUSED)}; ${OFFICIAL}; true`);
      assert.match(later.output, /not possible/);
    });

    it("are asked for again at once where only the download failed", async () => {
      program("pulumi", "echo checksum mismatch; exit 1");
      const { output } = await shell(
        `${OFFICIAL}; true`,
        await serve((_, response) => response.end()),
      );
      assert.match(output, / … failed: checksum mismatch\n$/);
      assert.ok(!existsSync(at(REFUSED)));
    });
  });
});
