import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../ops/lib/run.ts";
import { callInProcess } from "./support/inProcess.ts";
import { serve, sha256, type Shelf } from "./support/registry.ts";

const ops = (name: string) => fileURLToPath(new URL(`../../ops/${name}`, import.meta.url));

describe("make update-pins", function () {
  this.timeout(30_000);
  let folder: string;
  let shelf: Shelf;
  let host: string;
  let stop: () => void;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "pins-"));
    shelf = {
      images: { "library/node:24-slim": { content: "index of node" } },
      releases: { "team/addon": "v1.10.0" },
      files: {
        "/team/addon/v1.9.0/a-1.9.0.yaml": "old",
        "/team/addon/v1.10.0/a-1.10.0.yaml": "new",
      },
    };
    ({ host, stop } = await serve(shelf));
    mkdirSync(join(folder, "config"));
    write(pins());
  });
  afterEach(() => {
    stop();
    rmSync(folder, { recursive: true });
  });

  const pins = (addon: object = {}, image: object = {}) => ({
    images: { node: { name: `${host}/library/node:24-slim`, ...image } },
    manifests: {
      addon: {
        releases: `http://${host}/team/addon/releases`,
        version: "v1.9.0",
        url: `http://${host}/team/addon/{version}/a-{number}.yaml`,
        sha256: sha256("old"),
        ...addon,
      },
    },
    goModules: {},
  });
  const file = () => join(folder, "config/pins.json");
  const write = (content: object) => writeFileSync(file(), `${JSON.stringify(content, null, 2)}\n`);
  const written = () => JSON.parse(readFileSync(file(), "utf8"));
  const update = async () => {
    const called = await callInProcess("update-pins.ts", [folder]);
    return { ...called, output: called.stdout + called.stderr };
  };
  const moved = (addon: object = {}) =>
    pins(
      { version: "v1.10.0", sha256: sha256("new"), ...addon },
      { digest: `sha256:${sha256("index of node")}` },
    );

  it("moves a tag to the digest that the registry has for it, and a manifest to the latest release", async () => {
    const { code, stdout } = await update();
    assert.equal(code, 0, stdout);
    assert.deepEqual(written(), moved());
    assert.match(stdout, /^ {2}\S+node:24-slim: none → sha256:[0-9a-f]{12}$/m);
    assert.match(stdout, /^ {2}addon: v1\.9\.0 → v1\.10\.0$/m);
    assert.match(stdout, /^2 moved, 0 of 2 sources gave no answer$/m);
    assert.deepEqual(readdirSync(join(folder, "config")), ["pins.json"]);
  });

  it("shows the old and the new digest if one changes", async () => {
    write(moved());
    shelf.images["library/node:24-slim"] = { content: "rebuilt" };
    const { stdout } = await update();
    const [from, to] = ["index of node", "rebuilt"].map((text) => sha256(text).slice(0, 12));
    assert.ok(stdout.includes(`node:24-slim: sha256:${from} → sha256:${to}`), stdout);
  });

  it("does not write the file if nothing changes", async () => {
    write(moved());
    const before = readFileSync(file(), "utf8");
    const { code, stdout } = await update();
    assert.equal(code, 0);
    assert.match(stdout, /^0 moved, 0 of 2/m);
    assert.equal(readFileSync(file(), "utf8"), before);
  });

  it("without a network keeps every pin, names each server that did not answer, and exits with 1", async () => {
    stop();
    const before = readFileSync(file(), "utf8");
    const { code, output } = await update();
    assert.equal(code, 1);
    assert.match(output, /no answer about \S+node:24-slim, whose pin stays: .*ECONNREFUSED/);
    assert.match(output, /no answer about addon, whose pin stays: .*ECONNREFUSED/);
    assert.match(output, /^0 moved, 2 of 2 sources gave no answer$/m);
    assert.equal(readFileSync(file(), "utf8"), before);
  });

  it("updates the pins whose server answered, even if another did not", async () => {
    delete shelf.images["library/node:24-slim"];
    const { code, output } = await update();
    assert.equal(code, 1);
    assert.match(output, /no answer about \S+node:24-slim, whose pin stays: .* answers 404/);
    assert.deepEqual(written(), pins({ version: "v1.10.0", sha256: sha256("new") }));
  });

  it("refuses an image of a single platform", async () => {
    const type = "application/vnd.oci.image.manifest.v1+json";
    shelf.images["library/node:24-slim"] = { content: "one platform", type };
    const { code, output } = await update();
    assert.equal(code, 1);
    assert.match(output, /node:24-slim.* is not a list of platforms but .*manifest\.v1/);
    assert.deepEqual(written().images, pins().images);
  });

  it("does not update a manifest that is held at a release, and says why", async () => {
    write(pins({ held: "the controller serves this one" }));
    const { code, stdout } = await update();
    assert.equal(code, 0);
    assert.match(stdout, /addon is held at v1\.9\.0: the controller serves this one/);
    assert.equal(written().manifests.addon.version, "v1.9.0");
  });

  it("does not go back to an older release that is called the latest", async () => {
    shelf.releases["team/addon"] = "v1.8.5";
    assert.equal((await update()).code, 0);
    assert.equal(written().manifests.addon.version, "v1.9.0");
  });

  it("does not take a release with another kind of name, or a pre-release", async () => {
    for (const release of ["helm-chart-4.12.0", "v2.0.0-rc1"]) {
      shelf.releases["team/addon"] = release;
      const { code, output } = await update();
      assert.equal(code, 1);
      assert.ok(output.includes(`the latest release is ${release}, which does not look like`));
      assert.equal(written().manifests.addon.version, "v1.9.0");
    }
  });

  it("does not accept changed content for a release that is already pinned", async () => {
    shelf.releases["team/addon"] = "v1.9.0";
    shelf.files["/team/addon/v1.9.0/a-1.9.0.yaml"] = "replaced";
    const { code, output } = await update();
    assert.equal(code, 1);
    assert.match(output, /a-1\.9\.0\.yaml has changed since it was pinned/);
    assert.equal(written().manifests.addon.sha256, sha256("old"));
  });

  it("refuses an invalid file of pins, and changes nothing", async () => {
    write({ ...pins(), images: { node: { name: "node" } } });
    const { code, output } = await update();
    assert.equal(code, 1);
    assert.match(output, /error: .*pins\.json is not a valid file of pins[\s\S]*fix: correct it/);
  });

  describe("of package registries", () => {
    /** Replaces a client by a program. */
    const client = (path: string, script: string) => {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), `#!/bin/bash\nset -e\n${script}\n`, { mode: 0o755 });
    };
    const put = (path: string, text: string) => {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    const get = (path: string) => readFileSync(join(folder, path), "utf8");
    const packageJson = (version: string) =>
      `${JSON.stringify({ name: "x", devDependencies: { zod: version } }, null, 2)}\n`;
    const update = () =>
      run([
        "env",
        `PATH=${join(folder, "bin")}:${process.env.PATH}`,
        "node",
        ops("update-pins.ts"),
        folder,
      ]);

    /** The go.mod of a folder whose module is compiled. */
    const requires = (version: string) =>
      `require example.com/engine ${version}\ntool example.com/engine/cmd\n`;

    /** Resolves `^1.2.3` to 1.9.0, and any other version to itself. */
    const NPM = `folder=$2
      version=$(sed -n 's/.*"zod": "\\(.*\\)".*/\\1/p' $folder/package.json)
      [[ $version != ^* ]] || version=1.9.0
      echo "{\\"packages\\":{\\"node_modules/zod\\":{\\"version\\":\\"$version\\"}}}" >$folder/package-lock.json`;
    const GO = `folder=$2; shift 2
      case "$*" in
        *@upgrade) echo v3.10.0 ;;
        *"-m -f"*) sed -n 's/^require example.com.engine //p' $folder/go.mod ;;
        get*) sed -i "s|^require .*|require example.com/engine \${2#*@}|" $folder/go.mod ;;
        "mod tidy") echo tidy >$folder/go.sum ;;
        "mod edit"*) sed -i "s|^require .*|require \${3#*=}|; s|@| |" $folder/go.mod ;;
        "mod download"*) echo "sum of $3" >$folder/go.sum ;;
      esac`;

    beforeEach(() => {
      write({ images: {}, manifests: {}, goModules: { "example.com/engine": "modules/engine" } });
      put("package.json", packageJson("1.2.3"));
      put("package-lock.json", "{}");
      put("modules/engine/go.mod", requires("v3.9.0"));
      put("modules/engine/go.sum", "");
      put("ops/requirements/lint.in", "tool\n");
      put("ops/requirements/lint.txt", "tool==1.0\n");
      client("bin/npm", NPM);
      client("bin/go", GO);
      client("ops/lib/pins/python-lock.sh", "echo tool==1.1 >$1.txt");
    });

    it("moves npm packages within their major version, Go modules and Python tools, each with its lock file", async () => {
      const { code, stdout } = await update();
      assert.equal(code, 0, stdout);
      assert.match(
        stdout,
        /zod: 1\.2\.3 → 1\.9\.0[\s\S]*engine: v3\.9\.0 → v3\.10\.0[\s\S]*tool: 1\.0 → 1\.1/,
      );
      assert.equal(get("package.json"), packageJson("1.9.0"));
      assert.match(get("package-lock.json"), /1\.9\.0/);
      assert.equal(get("modules/engine/go.mod"), requires("v3.10.0"));
      assert.equal(get("modules/engine/go.sum"), "tidy\n");
      assert.equal(get("ops/requirements/lint.txt"), "tool==1.1\n");
    });

    it("moves a Go module of which only files are taken, without what it requires", async () => {
      put("modules/engine/go.mod", "require example.com/engine v3.9.0\n");
      const { code, stdout } = await update();
      assert.equal(code, 0, stdout);
      assert.match(stdout, /engine: v3\.9\.0 → v3\.10\.0/);
      assert.equal(get("modules/engine/go.mod"), "require example.com/engine v3.10.0\n");
      assert.equal(get("modules/engine/go.sum"), "sum of example.com/engine\n");
    });

    it("moves the npm packages of make bench", async () => {
      put("bench/modules/cdk8s/package.json", packageJson("1.2.3"));
      put("bench/modules/cdk8s/package-lock.json", "{}");
      const { code, stdout } = await update();
      assert.equal(code, 0, stdout);
      assert.equal(get("bench/modules/cdk8s/package.json"), packageJson("1.9.0"));
      assert.match(get("bench/modules/cdk8s/package-lock.json"), /1\.9\.0/);
    });

    it("does not change the files of a registry that does not answer", async () => {
      const refused = "echo 'error: connection refused' >&2; exit 1";
      for (const name of ["bin/npm", "ops/lib/pins/python-lock.sh"]) client(name, refused);
      client("bin/go", `[[ "$*" != *tidy* ]] || { ${refused}; }\n${GO}`);
      const { code, output } = await update();
      assert.equal(code, 1, output);
      for (const name of ["npm packages", "example.com/engine", "Python tools"])
        assert.match(output, new RegExp(`no answer about ${name}, .*connection refused`));
      assert.equal(get("package.json"), packageJson("1.2.3"));
      assert.equal(get("package-lock.json"), "{}");
      assert.equal(get("modules/engine/go.mod"), requires("v3.9.0"));
      assert.equal(get("ops/requirements/lint.txt"), "tool==1.0\n");
    });
  });

  describe("make manifest", () => {
    const manifest = (name: string) => run(["node", ops("manifest.ts"), name, file()]);

    it("prints a manifest whose content has the pinned hash", async () => {
      const { code, stdout } = await manifest("addon");
      assert.deepEqual([code, stdout.trim()], [0, "old"]);
    });

    it("prints nothing of a manifest with another hash, so that nothing is installed", async () => {
      shelf.files["/team/addon/v1.9.0/a-1.9.0.yaml"] = "replaced";
      const { code, stdout, output } = await manifest("addon");
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(
        output,
        /is not what .*pins\.json pins: its SHA-256 is .*\n {2}fix: install nothing/,
      );
    });

    it("lists the manifests if it gets an unknown name", async () => {
      const { code, output } = await manifest("adon");
      assert.equal(code, 1);
      assert.match(output, /there is no manifest "adon".*\n {2}fix: use one of addon,/);
    });

    it("says that it can't be downloaded", async () => {
      stop();
      const { code, output } = await manifest("addon");
      assert.equal(code, 1);
      assert.match(output, /addon could not be downloaded: .*ECONNREFUSED/);
    });
  });
});
