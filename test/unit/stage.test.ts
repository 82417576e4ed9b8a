import assert from "node:assert/strict";
import { effectiveConfig, settingsIn, stageArgument } from "../../ops/lib/stage.ts";

const SETTINGS = {
  "todo-app:kubernetesContext": "minikube",
  "todo-app:host": "todo.example.com",
  "todo-app:images": { registry: "ghcr.io" },
};

describe("a stage", () => {
  it("is dev if none is named, with the file of that name", () => {
    assert.deepEqual(stageArgument([]), {
      name: "dev",
      file: "Pulumi.dev.yaml",
    });
    assert.deepEqual(stageArgument(["qa", "/elsewhere/qa.yaml"]), {
      name: "qa",
      file: "/elsewhere/qa.yaml",
    });
  });

  it("with an organisation in its name has the file and the namespace of its own name, as in the program", () => {
    const { name, file } = stageArgument(["acme/todo-app/qa"]);
    assert.deepEqual([name, file], ["acme/todo-app/qa", "Pulumi.qa.yaml"]);
    assert.equal(settingsIn(name, SETTINGS).namespace, "todo-app-qa");
    assert.ok(effectiveConfig(name, SETTINGS));
  });

  it("is protected by true, and by the text that pulumi config set writes", () => {
    for (const [written, expected] of [
      [true, true],
      ["true", true],
      ["false", false],
      [undefined, false],
    ] as const) {
      const settings = { ...SETTINGS, ...(written !== undefined && protect(written)) };
      assert.equal(settingsIn("qa", settings).protected, expected);
    }
  });

  it("keeps a text that looks like JSON as text if the key is a text", () => {
    const settings = { ...SETTINGS, "todo-app:priorityClassName": "1234" };
    assert.equal(effectiveConfig("qa", settings)?.priorityClassName, "1234");
  });

  it("is checked against the rules that concern secrets, although these stay encrypted", () => {
    const external = { ...SETTINGS, "todo-app:database": { mode: "external" } };
    assert.equal(effectiveConfig("qa", external), undefined);
    const databaseUrl = { secure: "v1:ciphertext" };
    assert.ok(effectiveConfig("qa", { ...external, "todo-app:databaseUrl": databaseUrl }));
  });
});

const protect = (value: boolean | string) => ({ "todo-app:protectResources": value });
