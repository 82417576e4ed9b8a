// The owner's password of an older release must stay the same after an upgrade, because it opens the volume. Through
// the real engine.
import assert from "node:assert/strict";
import * as random from "@pulumi/random";
import { needs, Project } from "./stack.ts";

describe("a password whose keepers are ignored", function () {
  this.timeout(60_000);
  let project: Project;
  before(function () {
    needs(this, "the Pulumi CLI", "pulumi", "version");
  });
  beforeEach(async () => void (project = await Project.create()));
  afterEach(() => project.remove());

  const password = (keepers?: Record<string, string>, ignoreChanges?: string[]) => () => {
    const args = { length: 32, special: false, keepers };
    const { result } = new random.RandomPassword("password", args, { ignoreChanges });
    return Promise.resolve({ result });
  };

  it("keeps its value when the keepers are removed", async () => {
    const first = await project.up(password({ version: "3" }));
    assert.equal(first.error, undefined);
    const upgraded = await project.up(password(undefined, ["keepers"]));
    assert.deepEqual(upgraded.steps, []);
    assert.deepEqual(upgraded.outputs, first.outputs);
  });

  it("gets a new value if the keepers are not ignored", async () => {
    const first = await project.up(password({ version: "3" }));
    assert.notDeepEqual((await project.up(password())).outputs, first.outputs);
  });
});
