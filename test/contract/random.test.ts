// What the stack relies on of the random resources, through the real engine.
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
    const keepers = { keeper };
    const text = (name: string, args: random.RandomStringArgs) =>
      new random.RandomString(name, { ...args, keepers }).result;
    return Promise.resolve({
      all: text("all", { length: 200 }),
      digits: text("digits", { length: 9, lower: false, upper: false, special: false }),
      minimums: text("minimums", { length: 6, lower: false, minUpper: 3, minSpecial: 3 }),
      own: text("own", {
        length: 9,
        lower: false,
        upper: false,
        numeric: false,
        overrideSpecial: "_",
      }),
      id: new random.RandomId("id", { byteLength: 4, prefix: "p-", keepers }).hex,
      bytes: new random.RandomBytes("bytes", { length: 32, keepers }).base64,
      password: new random.RandomPassword("password", { length: 24, keepers }).result,
    });
  };

  it("follow their inputs, stay as they are, and are made anew with another keeper", async () => {
    const first = await project.up(values("1"));
    assert.equal(first.error, undefined);
    const patterns: Record<string, RegExp> = {
      all: /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[!@#$%&*()\-_=+[\]{}<>:?])[\w!@#$%&*()\-=+[\]{}<>:?]{200}$/,
      digits: /^\d{9}$/,
      minimums: /^(?=(?:.*[A-Z]){3})(?=(?:.*[^A-Z\d]){3}).{6}$/,
      own: /^_{9}$/,
      id: /^p-[0-9a-f]{8}$/,
      bytes: /^[A-Za-z0-9+/]{43}=$/,
      password: /^.{24}$/,
    };
    for (const [name, pattern] of Object.entries(patterns))
      assert.match(String(first.outputs[name]), pattern);
    assert.deepEqual((await project.up(values("1"))).outputs, first.outputs);
    const second = await project.up(values("2"));
    for (const name of Object.keys(patterns))
      if (name !== "own") assert.notEqual(second.outputs[name], first.outputs[name], name);
  });

  it("refuse a length that their minimums exceed, before anything is made", async () => {
    const { error } = await project.preview(() => {
      new random.RandomString("short", { length: 3, minUpper: 4 });
      return Promise.resolve({});
    });
    assert.match(String(error), /length/);
  });
});
