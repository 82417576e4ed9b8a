import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../../config/load.ts";
import { readPins } from "../../ops/lib/pins/pinsFile.ts";
import { imageReference, type PinnedImage } from "../../config/pins.ts";
import { find, record } from "./support/record.ts";
import { stageConfig, withKey } from "./support/stages.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const read = (name: string) => readFileSync(path(name), "utf8");
const WITH_PINS = "pins"; // an instance of the program for these tests
const BASES = { backend: "python", frontend: "node" } as const;
const pins = readPins(path("config/pins.json"));

describe("Pinned images", () => {
  afterEach(() => delete process.env.TODO_APP_IMAGE_DIGESTS);

  for (const image of Object.keys(pins.images) as PinnedImage[])
    it(`${image} is used by digest`, () => {
      assert.match(
        imageReference(image),
        /^docker\.io\/(library|rclone)\/[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}$/,
      );
    });

  it("come from the stage's mirror, if it has one, with the same digest", () => {
    const mirror = withKey("dev", "images", {
      registry: "localhost:5000",
      baseRegistry: "mirror.example.com/hub",
    });
    const { images } = parseConfig("dev", mirror);
    const [, digest] = imageReference("python").split("@");
    assert.equal(images.backend.baseImage, `mirror.example.com/hub/python:3.13-slim@${digest}`);
  });

  it("are the ones that the stack builds on and runs, so that a new digest is a change", async () => {
    const program = () => import(`../../index.ts?${WITH_PINS}`);
    const { resources } = await record(program, "dev", stageConfig("dev"));
    const built = find(resources, "Image").map(({ inputs }) => inputs.build.args.BASE_IMAGE);
    assert.deepEqual(built.sort(), [imageReference("node"), imageReference("python")]);
    const [database] = find(resources, "StatefulSet");
    assert.equal(
      database!.inputs.spec.template.spec.containers[0].image,
      imageReference("postgres"),
    );
  });

  it("are used by tag only if the base images are stand-ins", () => {
    process.env.TODO_APP_IMAGE_DIGESTS = "none";
    const { images, database } = parseConfig("dev", stageConfig("dev"));
    assert.equal(images.backend.baseImage, "docker.io/library/python:3.13-slim");
    assert.equal(images.frontend.baseImage, "docker.io/library/node:24-slim");
    assert.equal(database.image, "docker.io/library/postgres:17");
  });

  it("are used by tag on the local cluster, and by digest on every other one", () => {
    const home = mkdtempSync(join(tmpdir(), "pins-home-"));
    const kubeconfig = join(home, "kubeconfig");
    const context = { name: "minikube", context: { cluster: "minikube", user: "minikube" } };
    const clusters = [{ name: "minikube", cluster: { server: "https://127.0.0.1:1" } }];
    writeFileSync(kubeconfig, JSON.stringify({ contexts: [context], clusters, users: [] }));
    const settings = (choice: string) => {
      const { stdout } = spawnSync(path("local/env"), ["dev"], {
        env: {
          PATH: process.env.PATH,
          HOME: home,
          KUBECONFIG: kubeconfig,
          CLUSTER: choice,
          TODO_APP_IMAGE_DIGESTS: "none",
        },
        encoding: "utf8",
      });
      return stdout.split("\n").filter((line) => line.includes("TODO_APP_IMAGE_DIGESTS"));
    };
    try {
      assert.deepEqual(settings("local"), ["export TODO_APP_IMAGE_DIGESTS=none"]);
      assert.deepEqual(settings("context"), ["unset TODO_APP_IMAGE_DIGESTS"]);
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  for (const [workload, image] of Object.entries(BASES))
    it(`the Dockerfile of ${workload} builds on ${image} only, with the pinned tag`, () => {
      const dockerfile = read(`app/${workload}/Dockerfile`);
      const [, given] = /^ARG BASE_IMAGE=(\S+)$/m.exec(dockerfile) ?? [];
      assert.equal(given, pins.images[image]!.name);
      const stages = ["${BASE_IMAGE}"];
      for (const [line, base, name] of dockerfile.matchAll(/^FROM (.+?)(?: AS (\S+))?$/gm)) {
        assert.ok(stages.includes(base!), line);
        if (name) stages.push(name);
      }
    });

  it("the local cluster has stand-ins for exactly these tags", () => {
    const made = [
      ...read("local/images/images.sh").matchAll(/publish base_image \S+ (\S+) (\S+)/g),
    ];
    assert.deepEqual(
      made.map(([, repository, tag]) => `docker.io/${repository}:${tag}`).sort(),
      Object.values(pins.images)
        .map(({ name }) => name)
        .sort(),
    );
  });
});

describe("Python tools", () => {
  const locks = [
    ...readdirSync(path("ops/requirements"))
      .filter((name) => name.endsWith(".txt"))
      .map((name) => `ops/requirements/${name}`),
    "app/backend/requirements-build.lock",
    "app/backend/requirements.lock",
    "app/backend/requirements-dev.lock",
  ];
  for (const lock of locks)
    it(`${lock} gives a version and hashes for every package`, () => {
      const packages = read(lock)
        .split(/\n(?=[a-zA-Z])/)
        .filter((text) => /^[a-zA-Z]/.test(text));
      assert.ok(packages.length);
      for (const text of packages)
        assert.match(text, /^\S+==\S+.* \\\n {4}--hash=sha256:[0-9a-f]{64}/);
    });

  it("are installed with their hashes everywhere", () => {
    const scripts = ["ops/lib/python-tools.sh", "app/backend/Dockerfile", "app/backend/check.sh"];
    for (const script of scripts)
      for (const [command] of read(script).matchAll(/pip"? install(?:.*\\\n)*.*/g))
        assert.match(command, /--require-hashes/, script);
  });
});

describe("make audit", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "audit-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** The output of audit.sh and its exit code, with clients that answer like this. */
  function audit(pip: string, npm: string, ...options: string[]) {
    const hash = createHash("sha256")
      .update(read("ops/requirements/audit.txt"))
      .digest("hex")
      .slice(0, 12);
    const tools = { [`todo-app/audit-${hash}/bin/pip-audit`]: pip, "bin/npm": npm };
    for (const [name, script] of Object.entries(tools)) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), `#!/bin/bash\n${script}\n`);
      chmodSync(join(folder, name), 0o755);
    }
    const env = {
      ...process.env,
      XDG_CACHE_HOME: folder,
      PATH: `${join(folder, "bin")}:${process.env.PATH}`,
    };
    const { status, stdout, stderr } = spawnSync(path("ops/audit.sh"), options, {
      env,
      encoding: "utf8",
    });
    return { status, output: stdout + stderr };
  }
  const FINE = "exit 0";
  const SILENT = "echo 'npm warn audit 404 Not Found'; exit 1";

  it("passes if both were checked and no vulnerability is known", () => {
    const { status, output } = audit(FINE, FINE);
    assert.equal(status, 0, output);
  });

  it("fails if something was not checked", () => {
    for (const pip of ["echo 'Could not connect to PyPI'; exit 1", FINE]) {
      const { status, output } = audit(pip, SILENT);
      assert.equal(status, 1, output);
      assert.match(output, /^NOT CHECKED - npm packages/m);
      assert.match(output, /^error: [12] of 2 were not checked.*\n {2}fix: make audit where/m);
    }
  });

  it("passes with an option although something was not checked, and still names it", () => {
    const { status, output } = audit(FINE, SILENT, "--allow-unchecked");
    assert.equal(status, 0, output);
    assert.match(output, /^NOT CHECKED - npm packages/m);
  });

  it("fails for a vulnerability, even if something else was not checked", () => {
    const { status, output } = audit(
      "echo 'Found 2 known vulnerabilities in 1 package'; exit 1",
      SILENT,
      "--allow-unchecked",
    );
    assert.equal(status, 1, output);
    assert.match(output, /^not ok - Python packages/m);
  });
});
