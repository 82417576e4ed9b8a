/** Removal of a stage: one command does not remove production, and it removes dev without a trace. */
import assert from "node:assert/strict";
import { attempt, eventually, sh, withCheckout } from "../support/shell.ts";
import { dev, production } from "../stages/support.ts";

describe("make down", () => {
  it("of production refuses, names what is protected, and deletes nothing", async () => {
    const kinds =
      "deployments,services,ingresses,configmaps,secrets,networkpolicies,hpa,pdb,quota,issuers,certificates";
    const objects = () => production.kubectl(`get ${kinds} -o name`);
    const before = await objects();
    assert.match(before, /deployment\.apps\/backend/);
    const { code, output } = await attempt("make down STAGE=production");
    assert.notEqual(code, 0);
    assert.match(output, /error: production is protected, and nothing was deleted/);
    assert.match(output, /Namespace::app \(todo-app-production\)/);
    assert.equal(await objects(), before);
    await production.hasNothingToChange();
  });

  it("of a stage that was never deployed says so", () =>
    withCheckout(async (cwd) => {
      const down = () => attempt("make down STAGE=never", { cwd });
      const { code, output } = await down();
      assert.notEqual(code, 0);
      assert.match(output, /error: there is no Pulumi\.never\.yaml\n {2}fix: name a stage/);
      await sh("cp Pulumi.dev.yaml Pulumi.never.yaml", { cwd });
      const another = await down();
      assert.notEqual(another.code, 0);
      assert.match(another.output, /error: there is no stack never to remove\n {2}fix: pulumi /);
    }));

  it("of dev leaves nothing", async () => {
    await sh("make down");
    const get = (query: string) => sh(`kubectl --context minikube get ${query}`);
    assert.equal(await get(`namespace ${dev.namespace} --ignore-not-found -o name`), "");
    // The volume is deleted after its claim, which was deleted with the namespace. No test has left another.
    const claims = "persistentvolumes -o jsonpath='{.items[*].spec.claimRef.namespace}'";
    await eventually(30, async () => assert.equal(await get(claims), ""));
    const state = JSON.parse(await dev.exportedState());
    assert.deepEqual(state.deployment.resources ?? [], []);
  });
});
