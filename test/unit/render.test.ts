/** What `make render` writes: the objects of a stage, without secrets, in an order in which they can be applied. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseAllDocuments } from "yaml";
import { EMPTY, chosenIn } from "../../ops/lib/render/chosen.ts";
import { manifestsOf } from "../../ops/lib/render/manifests.ts";
import { streamOf, writeFolder } from "../../ops/lib/render/render.ts";
import type { State } from "../../ops/lib/state/state.ts";
import { callInProcess } from "./support/inProcess.ts";
import { record } from "./support/record.ts";
import { STAGES, stageConfig } from "./support/stages.ts";

let runs = 0;
/** Renders a stage as it would be deployed on what the state has. */
async function render(stage: string, state: State = EMPTY) {
  const { chosen, unbuilt } = chosenIn(state);
  const program = () => import(`../../index.ts?rendered-${runs++}`);
  const { resources } = await record(program, stage, stageConfig(stage), chosen);
  return manifestsOf(resources, chosen, [...unbuilt]);
}

const documents = (stream: string): any[] =>
  parseAllDocuments(stream, { version: "1.1" }).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });

const goldenObjects = (stage: string): any[] =>
  JSON.parse(readFileSync(new URL(`../golden/${stage}.json`, import.meta.url), "utf8")).filter(
    ({ type }: any) => type.startsWith("kubernetes:"),
  );

/** A state that has deployed these objects, with generated names that end in `-live`. */
const deployed = (objects: readonly any[]): State => ({
  version: 3,
  deployment: {
    resources: objects.map(({ type, name, inputs }) => ({
      type,
      urn: `urn:pulumi:qa::todo-app::todo-app:index:X$${type}::${name}`,
      inputs: {
        ...inputs,
        metadata: { ...inputs.metadata, name: inputs.metadata?.name ?? `${name}-live` },
      },
    })),
  },
});

describe("what make render writes", () => {
  for (const stage of STAGES)
    describe(`for ${stage}`, () => {
      let stream: string;
      before(async () => {
        stream = streamOf(await render(stage));
      });

      it("is YAML with exactly the objects of the golden file", () => {
        const found = documents(stream).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
        const expected = goldenObjects(stage).map(
          ({ name, inputs: { kind, metadata } }) => `${kind} ${metadata.name ?? `${name}-new`}`,
        );
        assert.deepEqual(found.sort(), expected.sort());
      });

      it("begins with the namespace, and has what pods need before the pods", () => {
        const kinds = documents(stream).map(({ kind }) => kind as string);
        assert.equal(kinds[0], "Namespace");
        const firstPods = kinds.findIndex((kind) => /^(StatefulSet|Job|Deployment)$/.test(kind));
        for (const kind of ["NetworkPolicy", "ServiceAccount", "Secret", "ConfigMap", "Service"])
          assert.ok(kinds.lastIndexOf(kind) < firstPods, kind);
      });

      it("has no secret, but names the keys of each Secret", () => {
        assert.doesNotMatch(stream, /canary|generated-|\[secret\]/);
        const secrets = documents(stream).filter(({ kind }) => kind === "Secret");
        for (const secret of secrets)
          assert.deepEqual([secret.data, secret.stringData], [undefined, undefined]);
        const comments = stream.match(/^# The values are left out\. Keys: [A-Z_a-z, ]+$/gm) ?? [];
        assert.equal(comments.length, secrets.length);
      });

      it("is the same in each run", async () => {
        assert.equal(streamOf(await render(stage)), stream);
      });

      it("names images that are not built by the tag that they will have, and says so", () => {
        const [, image] = /^ +image: (\S+\/backend:\S+)$/m.exec(stream)!;
        assert.match(image!, new RegExp(`:${stage}-[0-9a-f]{12}$`));
        assert.ok(stream.includes(`# ${image} is not built yet: `));
      });
    });

  describe("for a stage that is deployed", () => {
    const REPOSITORY = "ghcr.io/todo-app/backend";
    let state: State;
    before(async () => {
      const { resources } = await record(
        () => import(`../../index.ts?deployed-${runs++}`),
        "staging",
        stageConfig("staging"),
        chosenIn(EMPTY).chosen,
      );
      state = deployed(resources.filter(({ type }) => /^(kubernetes|docker):/.test(type)));
      const image = state.deployment.resources!.find(({ urn }) => urn.endsWith("::backend-image"))!;
      Object.assign(image, { outputs: { repoDigest: `${REPOSITORY}@sha256:${"1".repeat(64)}` } });
    });

    it("has the names of the deployed objects, except where the content of one changes", async () => {
      const backend = state.deployment.resources!.find(
        ({ type, urn }) => type.endsWith(":ConfigMap") && urn.endsWith("::backend"),
      )!;
      const changed = deployed([]);
      changed.deployment.resources = state.deployment.resources!.map((resource) =>
        resource === backend
          ? { ...resource, inputs: { ...resource.inputs, data: { ENVIRONMENT: "other" } } }
          : resource,
      );
      const maps = (await render("staging", changed)).filter(
        ({ manifest }) => manifest.kind === "ConfigMap",
      );
      assert.deepEqual(
        maps.map(({ manifest }) => manifest.metadata.name),
        ["backend-new", "frontend-live"],
      );
      const names = (await render("staging", state))
        .filter(({ manifest }) => manifest.kind === "Secret")
        .map(({ manifest }) => manifest.metadata.name);
      assert.ok(names.every((name) => name.endsWith("-live")));
    });

    it("has the digest of an image whose content has not changed, and the tag of another one", async () => {
      const stream = streamOf(await render("staging", state));
      assert.match(stream, new RegExp(`image: ${REPOSITORY}@sha256:1{64}$`, "m"));
      assert.match(stream, /image: ghcr\.io\/todo-app\/frontend:staging-[0-9a-f]{12}$/m);
    });

    it("leaves the number of pods to the autoscaler", async () => {
      const replicas = async (from?: State) =>
        (await render("staging", from))
          .filter(({ manifest }) => manifest.kind === "Deployment")
          .map(({ manifest }) => (manifest.spec as { replicas?: number }).replicas);
      assert.deepEqual(await replicas(state), [undefined, undefined]);
      assert.deepEqual(await replicas(), [3, 3]);
    });
  });

  describe("as files", () => {
    let folder: string;
    const path = process.env.PATH;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "render-"));
      // Without an engine: no state of this machine is read.
      process.env.PATH = dirname(process.execPath);
    });
    afterEach(() => {
      process.env.PATH = path;
      rmSync(folder, { recursive: true });
    });

    it("is one for each object, and removes those of an earlier run but no other file", async () => {
      const objects = await render("dev");
      writeFileSync(join(folder, "11-Deployment.gone.yaml"), "");
      writeFileSync(join(folder, "mine.yaml"), "");
      writeFolder(folder, objects);
      const files = readdirSync(folder).sort();
      assert.equal(files.length, objects.length + 1);
      assert.equal(files[0], "00-Namespace.todo-app-dev.yaml");
      assert.ok(files.includes("mine.yaml") && !files.includes("11-Deployment.gone.yaml"));
    });

    it("is one file where its name ends in .yaml, and needs neither engine nor cluster", async () => {
      const file = join(folder, "dev.yaml");
      const { code, stdout, stderr } = await callInProcess("render.ts", [
        "dev",
        "Pulumi.dev.yaml",
        file,
      ]);
      assert.deepEqual([code, stdout], [0, ""]);
      assert.match(stderr, /^ {2}warning: the state of dev can't be read: .* end in -new, /);
      assert.match(stderr, /^\d+ objects of dev are in .*dev\.yaml$/m);
      assert.equal(documents(readFileSync(file, "utf8")).length, goldenObjects("dev").length);
    });

    it("is refused, with every problem, where the configuration is wrong", async () => {
      const file = join(folder, "Pulumi.dev.yaml");
      writeFileSync(file, "config:\n  todo-app:host: ''\n");
      const { code, stdout, stderr } = await callInProcess("render.ts", ["dev", file]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /error: the configuration of stack dev has \d problems:\n/);
    });
  });
});
