/**
 * Five revisions, and the way back to each of them from the machine of another operator. Of the first machine, that one has only
 * what a team shares: the repository as it was before the first revision, the state, the passphrase, the registry and the cluster.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageReference } from "../../config/pins.ts";
import { callApi, signUp, type Account } from "../e2e/support/api.ts";
import { removeStage } from "../e2e/support/kills.ts";
import { attempt, eventually, makeCheckout, sh } from "../e2e/support/shell.ts";
import { ownStage } from "../e2e/support/ownStage.ts";

/** From the command to its end. */
const SECONDS = 60;
const stage = ownStage("revisions");

/** The counters of generated secrets that each revision raises. A rollback never lowers one. */
const COUNTERS = [
  {},
  { auth: 2 },
  { databasePassword: 2 },
  { databaseOwnerPassword: 2 },
  { auth: 3 },
] as const;

/** What the pods of the app have. */
interface Running {
  readonly images: readonly string[];
  /** Comes from the source of the image. */
  readonly title: string;
  /** Comes from the stage file. */
  readonly model: string;
  /** Comes from the stage file, where it is encrypted. */
  readonly apiKey: string;
}

/** Runs Python in a pod of the backend, whose image has no shell. */
const inBackend = (program: string) =>
  stage.kubectl(`exec deployment/backend -- python -c 'from os import environ; ${program}'`);

async function running(): Promise<Running> {
  const image = (service: string) =>
    stage.kubectl(
      `get deployment ${service} -o jsonpath='{.spec.template.spec.containers[0].image}'`,
    );
  const host = `-H 'Host: ${stage.host}' http://todo-app.local`;
  const { info } = JSON.parse(await sh(`curl -fsS ${host}/api/openapi.json`)) as {
    readonly info: { readonly title: string };
  };
  return {
    images: [await image("backend"), await image("frontend")],
    title: info.title,
    model: await inBackend('print(environ["LLM_MODEL"])'),
    apiKey: await inBackend('print(open(environ["OPENAI_API_KEY_FILE"]).read())'),
  };
}

/** Identifies the generated secrets that the app uses, without showing them. */
const generatedSecrets = () =>
  inBackend(
    'import hashlib; keys = ["DATABASE_URL_FILE", "BETTER_AUTH_SECRET_FILE"]; ' +
      'print(hashlib.sha256("".join(open(environ[key]).read() for key in keys).encode()).hexdigest())',
  );

/** The images in Docker that a build of the stage has tagged. */
const builtImages = () =>
  sh(
    `docker image ls --format '{{.Repository}}:{{.Tag}}' | grep '/\\(backend\\|frontend\\):${stage.name}-' || true`,
  );

/** The environment of a machine that has nothing of this one's home folder: it knows the cluster by a kubeconfig. */
function otherMachine(home: string): Readonly<Record<string, string>> {
  const kubeconfig = join(home, "kubeconfig");
  copyFileSync(process.env.KUBECONFIG!, kubeconfig);
  const folders = { XDG_STATE_HOME: join(home, "state"), XDG_CACHE_HOME: join(home, "cache") };
  return { HOME: home, ...folders, KUBECONFIG: kubeconfig, CLUSTER: "context" };
}

describe("a rollback from the machine of another operator", () => {
  let first: string;
  let second: string;
  let home: string;
  let account: Account;
  const deployed: Running[] = [];
  const titles: string[] = [];
  let secrets: string;

  /** Changes the source, a setting and a secret, and deploys: one revision more. */
  async function deployRevision(number: number): Promise<void> {
    const set = (key: string, value: string | number, options = "") =>
      sh(`pulumi config set --stack ${stage.name} ${options} ${key} ${value}`, { cwd: first });
    await sh(`sed -i 's/title="Todo API.*"/title="Todo API ${number}"/' app/backend/app/main.py`, {
      cwd: first,
    });
    // A build of the frontend takes most of a minute: two of the five revisions have another one.
    if (number === 3)
      await sh("sed -i 's/^      Todo$/      Tasks/' app/frontend/components/Brand.tsx", {
        cwd: first,
      });
    await set("todo-app:llm.provider", "openai", "--path");
    await set("todo-app:llm.model", `model-${number}`, "--path");
    await set("todo-app:openaiApiKey", `key-${number}`, "--secret");
    for (const [name, counter] of Object.entries(COUNTERS[number - 1]!))
      await set(`todo-app:secretVersions.${name}`, counter, "--path");
    await stage.make("up", first);
    await eventually(30, async () => assert.equal((await running()).title, `Todo API ${number}`));
    deployed[number] = await running();
  }

  async function addTask(title: string): Promise<void> {
    await callApi(account, "/api/tasks", { method: "POST", body: { title } });
    titles.push(title);
  }

  before(async () => {
    [first, second] = [await makeCheckout(), await makeCheckout()];
    home = mkdtempSync(join(tmpdir(), "todo-app-operator-"));
    // The other machine's stage file is from before the first revision: nothing in it helps.
    for (const cwd of [first, second])
      // A machine whose base images are the official ones would name that of the database by digest.
      stage.writeFile(cwd, () => ({
        "todo-app:database": { mode: "in-cluster", image: imageReference("postgres") },
      }));
    await stage.make("cluster", first); // makes the passphrase as well
    await sh(`pulumi stack init ${stage.name}`, { cwd: first });
  });
  after(async () => {
    await removeStage(stage.name, first);
    for (const folder of [first, second, home]) rmSync(folder, { recursive: true });
  });

  it("begins with five revisions that differ in source, settings and secrets", async () => {
    for (const number of COUNTERS.keys()) await deployRevision(number + 1);
    account = await signUp(stage.host);
    await addTask("Written in revision 5");
    secrets = await generatedSecrets();
    const { images, ...rest } = deployed[3]!;
    assert.deepEqual(rest, { title: "Todo API 3", model: "model-3", apiKey: "key-3" });
    assert.equal(new Set(deployed.slice(1).map((each) => each.images[0])).size, 5);
    assert.notEqual(images[1], deployed[2]!.images[1]);
    // From here on, an image that a rollback builds is one that shows.
    const built = await builtImages();
    assert.ok(built.split("\n").length >= 7, built);
    await sh(`docker image rm ${built.replaceAll("\n", " ")}`);
  });

  // The oldest first, then up and down again.
  for (const number of [1, 4, 2, 5, 3])
    it(`brings back revision ${number} within ${SECONDS} s, without a build`, async () => {
      const file = join(second, `Pulumi.${stage.name}.yaml`);
      const stageFile = readFileSync(file, "utf8");
      const env = otherMachine(home);
      const line = `make rollback STAGE=${stage.name} TO=${number}`;
      const { code, output, seconds } = await attempt(line, { cwd: second, env });
      assert.equal(code, 0, output);
      await eventually(30, async () => assert.deepEqual(await running(), deployed[number]));
      console.log(`      ${seconds.toFixed(1)} s`);
      assert.doesNotMatch(output, /\bbuilding\b|\bpush|naming to/i);
      assert.equal(await builtImages(), "");
      assert.equal(readFileSync(file, "utf8"), stageFile);
      assert.equal(await generatedSecrets(), secrets);
      // The session is from revision 5: the secret that signs sessions has stayed.
      await addTask(`Written after the rollback to revision ${number}`);
      assert.ok(seconds <= SECONDS, `it took ${seconds.toFixed(1)} s`);
    });

  it("keeps everything that was written", async () => {
    const { items } = (await callApi(account, "/api/tasks")) as {
      readonly items: readonly { readonly title: string }[];
    };
    assert.deepEqual(items.map(({ title }) => title).sort(), titles.sort());
  });
});
