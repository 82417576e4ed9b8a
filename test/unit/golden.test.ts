/**
 * Every resource of every stage with all its inputs, against the committed `test/golden/<stage>.json`: a reviewer sees
 * in the diff what a change does to production. `make golden` rewrites the files.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { SECRET_KEYS, stageSchema } from "../../config/schema.ts";
import { record, redact, type Recorded } from "./support/record.ts";
import { STAGES, declared, stageConfig } from "./support/stages.ts";

function golden(path: string, actual: unknown) {
  const file = new URL(`../../${path}`, import.meta.url);
  const text = `${JSON.stringify(actual, null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(file, text);
  assert.equal(readFileSync(file, "utf8"), text, `${path} is not up to date: run "make golden"`);
}

/** Removes the content hash from an image's tag: it changes with the app, and that is no change of the stack. */
const withoutContent = (inputs: any) =>
  inputs.imageName
    ? { ...inputs, imageName: inputs.imageName.replace(/-[0-9a-f]{12}$/, "-[content]") }
    : inputs;

const describeResource = (resource: Recorded) => ({
  type: resource.type,
  name: resource.name,
  parent: resource.parent.split("::").pop() || undefined,
  protect: resource.protect || undefined,
  retainOnDelete: resource.retainOnDelete || undefined,
  ignoreChanges: resource.ignoreChanges.length ? resource.ignoreChanges : undefined,
  inputs: resource.custom ? redact(withoutContent(resource.inputs), "[secret]") : undefined,
});

describe("golden files", () => {
  for (const stage of STAGES)
    it(`${stage} declares exactly what test/golden/${stage}.json shows`, async () => {
      const program = () => import(`../../index.ts?golden-${stage}`);
      const { resources } = await record(program, stage, stageConfig(stage));
      const key = ({ urn }: Recorded) => urn;
      golden(
        `test/golden/${stage}.json`,
        [...resources].sort((a, b) => (key(a) < key(b) ? -1 : 1)).map(describeResource),
      );
    });

  it("the JSON Schema for editors follows the configuration's own schema", () => {
    const { properties } = z.toJSONSchema(stageSchema, { io: "input" });
    const keys = Object.entries(properties ?? {}).map(([key, schema]) => {
      const { description } = declared[key]!;
      const secret = (SECRET_KEYS as readonly string[]).includes(key);
      const encrypted = {
        type: "object",
        properties: { secure: { type: "string" } },
        required: ["secure"],
      };
      return [`todo-app:${key}`, { description, ...(secret ? encrypted : (schema as object)) }];
    });
    golden("config/stage.schema.json", {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "A stage of the todo-app stack (Pulumi.<stage>.yaml)",
      type: "object",
      properties: {
        encryptionsalt: { type: "string" },
        secretsprovider: { type: "string" },
        encryptedkey: { type: "string" },
        config: {
          type: "object",
          properties: Object.fromEntries(keys),
          patternProperties: { "^(?!todo-app:)": {} },
          additionalProperties: false,
        },
      },
    });
  });
});
