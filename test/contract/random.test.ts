// What the stack relies on in the random resources, through the real engine.
import assert from "node:assert/strict";
import * as random from "@pulumi/random";
import { needs, Project } from "./stack.ts";

describe("random resources", function () {
  this.timeout(60_000);
  let project: Project;
  before(function () {
    needs(this, "the Pulumi CLI", "pulumi", "version");
  });
  beforeEach(async () => void (project = await Project.create()));
  afterEach(() => project.remove());

  const values = (keeper: string) => () => {
    const password = (name: string, args: random.RandomPasswordArgs) =>
      new random.RandomPassword(name, { ...args, keepers: { keeper } }).result;
    return Promise.resolve({
      all: password("all", { length: 200 }),
      letters: password("letters", { length: 48, special: false }),
      digits: password("digits", { length: 9, lower: false, upper: false, special: false }),
      minimums: password("minimums", { length: 6, lower: false, minUpper: 3, minSpecial: 3 }),
    });
  };

  it("follow their inputs, keep their values, and are replaced if a keeper changes", async () => {
    const first = await project.up(values("1"));
    assert.equal(first.error, undefined);
    const patterns: Record<string, RegExp> = {
      all: /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[!@#$%&*()\-_=+[\]{}<>:?])[\w!@#$%&*()\-=+[\]{}<>:?]{200}$/,
      letters: /^[A-Za-z0-9]{48}$/,
      digits: /^\d{9}$/,
      minimums: /^(?=(?:.*[A-Z]){3})(?=(?:.*[^A-Z\d]){3}).{6}$/,
    };
    for (const [name, pattern] of Object.entries(patterns))
      assert.match(String(first.outputs[name]), pattern);
    assert.deepEqual((await project.up(values("1"))).outputs, first.outputs);
    const second = await project.up(values("2"));
    for (const name of Object.keys(patterns))
      assert.notEqual(second.outputs[name], first.outputs[name], name);
  });

  it("refuse a length that is less than the sum of their minimums, before anything is created", async () => {
    const { error } = await project.preview(() => {
      new random.RandomPassword("short", { length: 3, minUpper: 4 });
      return Promise.resolve({});
    });
    assert.match(String(error), /length/);
  });
});
