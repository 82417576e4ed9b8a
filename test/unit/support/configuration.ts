/** One key of a stage file with another value. */
import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { parseConfig } from "../../../config/load.ts";
import { withKey } from "./stages.ts";

/** The configuration that the program gets. */
export const accepted = (key: string, value: unknown, stage = "dev") =>
  parseConfig(stage, withKey(stage, key, value));

/** The error about it. */
export function refusal(key: string, value: unknown, stage = "dev"): string {
  try {
    accepted(key, value, stage);
  } catch (error) {
    assert.ok(pulumi.RunError.isInstance(error));
    return error.message;
  }
  assert.fail(`${key} was accepted`);
}
