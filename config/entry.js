/**
 * What Pulumi starts, in JavaScript: it says which Node.js the program needs, where an older one can't even read `index.ts`, and
 * hands over to that.
 */
import process from "node:process";
import { RunError } from "@pulumi/pulumi";

if (!process.features.typescript) {
  // As in index.ts. On Node.js 20, the SDK would format stacks for half a minute before it ends.
  Reflect.deleteProperty(Error, "prepareStackTrace");
  throw new RunError(
    `Node.js ${process.versions.node} can't run this program, which is TypeScript: install Node.js 22.18 or newer, and check it with node --version`,
  );
}

export default await import("../index.ts");
