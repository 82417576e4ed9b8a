import assert from "node:assert/strict";
import { attempt, kubectl, sh, withCheckout } from "./support/shell.ts";

const BACKEND = "localhost:5000/v2/todo-app/backend";

/** The digests of the backend's images of dev in the registry, by their tags. */
async function images(): Promise<Readonly<Record<string, string>>> {
  const { tags } = JSON.parse(await sh(`curl -fsS ${BACKEND}/tags/list`)) as { tags: string[] };
  const digest = (tag: string) =>
    sh(`curl -fsS ${BACKEND}/manifests/${tag} -o /dev/null -D - | grep -i etag`);
  const own = tags.filter((tag) => tag.startsWith("dev-"));
  assert.ok(own.length);
  return Object.fromEntries(
    await Promise.all(own.map(async (tag) => [tag, await digest(tag)] as const)),
  );
}

describe("make up", () => {
  it("takes the app from source to running pods and prints the URL", async () => {
    const output = await sh("make up");
    assert.match(output, /dev is up: http:\/\/todo-app\.local$/);
    assert.match(output, /^ *provider plugins: official [^;]*\bkubernetes/m);
    assert.ok(output.split("\n").length < 80, "is no longer than what fits on a few screens");
    const ready = await kubectl(
      "get deployments -o jsonpath='{range .items[*]}{.metadata.name}={.status.readyReplicas} {end}'",
    );
    assert.equal(ready.trim(), "backend=2 frontend=2");
  });

  it("builds, pushes and changes nothing when it is run again", async () => {
    const before = await images();
    const output = await sh("make up");
    assert.match(output, /Resources:\n +\d+ unchanged\n/);
    assert.doesNotMatch(output, /\bbuilding\b|\bpush|naming to/i);
    assert.deepEqual(await images(), before);
  });

  it("leaves no change for a preview", async () => {
    await sh("pulumi preview --stack dev --expect-no-changes");
  });

  it("changes nothing from another checkout, with other file times and modes", async () => {
    await withCheckout(async (cwd) => {
      const output = await sh("pulumi preview --stack dev --expect-no-changes", { cwd });
      assert.match(output, /\d+ unchanged/);
    });
  });

  it("runs only restricted pods, because the cluster refuses others", async () => {
    const { code, output } = await attempt(
      "kubectl --context minikube -n todo-app-dev run root --image=docker.io/library/node:24-slim --dry-run=server",
    );
    assert.notEqual(code, 0);
    assert.match(output, /violates PodSecurity "restricted/);
  });
});

for (const stage of ["staging", "production"])
  describe(`pulumi preview --stack ${stage}`, () => {
    it("reports all missing secrets at once, before anything else", async () => {
      await withCheckout(async (cwd) => {
        // A state backend of its own, because the stack may already exist in the usual one.
        const options = { cwd, env: { PULUMI_BACKEND_URL: `file://${cwd}` } };
        const set = (secret: string) =>
          sh(`pulumi config set --stack ${stage} --secret todo-app:${secret}`, options);
        await sh(`pulumi stack init ${stage}`, options);
        const { code, output } = await attempt(`pulumi preview --stack ${stage}`, options);
        assert.notEqual(code, 0);
        assert.match(output, /has 2 problems/);
        assert.match(
          output,
          new RegExp(`pulumi config set --stack ${stage} --secret 'todo-app:databaseUrl'`),
        );
        await set(
          "databaseUrl 'postgresql://a:confidential@db.example.com/todo?sslmode=verify-full'",
        );
        await set("openaiApiKey sk-confidential");
        const preview = await sh(`pulumi preview --stack ${stage}`, options);
        assert.match(preview, /Resources:\n +\+ \d+ to create/);
        assert.match(preview, /HorizontalPodAutoscaler/);
        assert.match(preview, /Certificate/);
        assert.doesNotMatch(preview, /confidential/);
      });
    });
  });
