/**
 * The quick start of README in a fresh clone, as an ordinary user on a machine of its own: a container that has Node.js, Pulumi and its
 * plugins, kubectl, the client of Docker, and a kubeconfig with the context of the local cluster.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pins from "../../config/pins.json" with { type: "json" };
import { createMarker } from "../e2e/support/kills.ts";
import { attempt, sh } from "../e2e/support/shell.ts";
import { blocksBelow } from "../unit/support/documentedCommands.ts";
import { ownStage } from "../e2e/support/ownStage.ts";

const IMAGE = "todo-app/newcomer";
/** The oldest Node.js that plain Pulumi needs is of this line. */
const NODE = "node@22";
const PROGRAMS = [
  ...["pulumi", "pulumi-language-nodejs", "kubectl", "docker"],
  ...["docker", "kubernetes", "random"].map((name) => `pulumi-resource-${name}`),
];
const CLONE = "git clone --quiet /srv/todo-app.bundle todo-app";

const stage = ownStage("newcomer");

/** The commands of README's quick start, for this stage and without a question. */
function quickStart(): string {
  const [block] = blocksBelow("README.md", "Quick start");
  return block!.text
    .trim()
    .replace("stack init dev", `stack init ${stage.name}`)
    .replace(/pulumi up$/, "pulumi up --yes");
}

describe("a newcomer", () => {
  let folder: string;
  let container: string;
  let images: Readonly<Record<string, string>>;

  /** Runs a line in the container, in the home folder or a folder below it, and prints how long it took. */
  const there = async (line: string, cwd = "") => {
    const place = `--workdir /home/newcomer/${cwd}`;
    const quoted = `'${line.replaceAll("'", "'\\''")}'`;
    const outcome = await attempt(`docker exec ${place} ${container} bash -c ${quoted}`);
    assert.equal(outcome.code, 0, outcome.output);
    console.log(`      ${line}: ${outcome.seconds.toFixed(1)} s`);
    return outcome.output;
  };
  const writeStageFile = (images: object = {}, database: object = {}) =>
    stage.writeFile(folder, (config) => ({
      "todo-app:images": { ...config["todo-app:images"], ...images },
      "todo-app:database": { ...config["todo-app:database"], ...database },
    }));
  /** Clones the project and puts the file of the stage into it. */
  const clone = async () => {
    await there(`rm -rf todo-app && ${CLONE}`);
    await sh(`docker cp ${join(folder, `Pulumi.${stage.name}.yaml`)} ${container}:/tmp/`);
    await there(`cp /tmp/Pulumi.${stage.name}.yaml .`, "todo-app");
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "todo-app-newcomer-"));
    mkdirSync(join(folder, "bin"));
    copyFileSync("test/soak/newcomer/Dockerfile", join(folder, "Dockerfile"));
    copyFileSync(process.env.KUBECONFIG!, join(folder, "config"));
    copyFileSync("Pulumi.dev.yaml", join(folder, "Pulumi.dev.yaml"));
    writeStageFile();
    for (const program of PROGRAMS)
      await sh(`cp -L "$(type -P ${program})" ${folder}/bin/${program}`);
    await sh(
      `npm install --prefix ${folder}/node --no-save ${NODE} && cp -L ${folder}/node/node_modules/node/bin/node ${folder}/bin/`,
    );
    await sh(`git bundle create --quiet ${folder}/todo-app.bundle HEAD`);
    await sh(`docker build --quiet --tag ${IMAGE} ${folder}`);
    const socket = process.env.DOCKER_HOST?.replace("unix://", "") ?? "/var/run/docker.sock";
    const options = [
      "--network host",
      `--group-add "$(stat -L --format %g ${socket})"`,
      `--volume ${socket}:/var/run/docker.sock`,
      // The base images of the local cluster may be stand-ins, which have other digests than the official ones.
      `--env TODO_APP_IMAGE_DIGESTS=${process.env.TODO_APP_IMAGE_DIGESTS ?? ""}`,
      "--env PULUMI_CONFIG_PASSPHRASE=newcomer",
    ].join(" ");
    container = await sh(`docker run --detach --rm ${options} ${IMAGE}`);
    await there("mkdir .kube");
    await sh(`docker exec --interactive ${container} tee .kube/config <${folder}/config`);
  });
  after(async () => {
    if (container) await attempt(`docker rm --force ${container}; docker image rm ${IMAGE}`);
    await attempt(
      `kubectl --context minikube delete namespace todo-app-${stage.name} --ignore-not-found`,
    );
    rmSync(folder, { recursive: true });
  });

  it("is an ordinary user without tools to build with", async () => {
    const found = await there(
      "id -u; for tool in go gcc python3 sudo; do type -P $tool || echo no $tool; done",
    );
    assert.equal(found, "10002\nno go\nno gcc\nno python3\nno sudo\n");
  });

  it("deploys with the quick start of README, and removes it", async () => {
    await clone();
    await there("pulumi login --local");
    const printed = await there(quickStart(), "todo-app");
    assert.match(printed, new RegExp(`url +: "http://${stage.host}"`));
    const markerIsServed = await createMarker(stage.host);
    await there("pulumi config set --path todo-app:route.className other", "todo-app");
    const refused = await there("! pulumi up --yes", "todo-app");
    assert.match(refused, /error: the cluster .* lacks 1 thing .*\n +IngressClass "other", /);
    await there("pulumi config set --path todo-app:route.className nginx", "todo-app");
    await there("pulumi up --yes", "todo-app");
    await markerIsServed();
    images = JSON.parse(await there("pulumi stack output images --json", "todo-app"));
    await there(`make down ARGS=--remove STAGE=${stage.name} YES=1`, "todo-app");
  });

  // For a cluster that the machine has, make takes the official base images and database only. Those of this machine may be stand-ins.
  it("deploys with make up, the images that plain Pulumi has built", async () => {
    writeStageFile(images, { image: pins.images.postgres.name });
    await clone();
    const printed = await there(`make up STAGE=${stage.name}`, "todo-app");
    assert.match(printed, new RegExp(`${stage.name} is up: http://${stage.host}`));
    const markerIsServed = await createMarker(stage.host);
    await there(`make up STAGE=${stage.name}`, "todo-app");
    await markerIsServed();
    await there(`make down ARGS=--remove STAGE=${stage.name} YES=1`, "todo-app");
  });
});
