#!/usr/bin/env -S node --stack-trace-limit=20
/**
 * The policy pack: every preview and every deploy checks the stack's resources by these rules, and a violation ends it before
 * anything changes. Run as a program, or named to `pulumi --policy-pack`, as a folder or as this file.
 */
import { flushCompileCache } from "node:module";
import { PolicyPack, type ResourceValidationPolicy } from "@pulumi/policy";
import { RULES, type Rule } from "./rules.ts";
import { DEFAULTS, type Settings } from "./settings.ts";

// The SDK reads the version of the pack from the package.json of the current folder, which may be the stack's.
process.chdir(import.meta.dirname);

const strings = { type: "array", items: { type: "string" } } as const;

/** `urn:pulumi:dev::todo-app::…` → `dev` */
const stageOf = (urn: string) => urn.split("::")[0]!.split(":").at(-1)!;

const policyOf = ({ name, description, check }: Rule): ResourceValidationPolicy => ({
  name,
  description,
  enforcementLevel: "mandatory",
  configSchema: {
    properties: {
      developmentStages: { ...strings, default: [...DEFAULTS.developmentStages] },
      taggedImages: { ...strings, default: [...DEFAULTS.taggedImages] },
      protectedStages: { ...strings, default: [...DEFAULTS.protectedStages] },
      registries: { ...strings, default: [...DEFAULTS.registries] },
    },
  },
  validateResource: (args, report) => {
    const { type, urn, opts, props } = args;
    const resource = { type, stage: stageOf(urn), protect: opts.protect, props };
    for (const problem of check(resource, args.getConfig<Settings>())) report(problem);
  },
});

new PolicyPack("todo-app", { policies: RULES.map(policyOf) });

// The engine ends this program by a signal, at which Node.js stores nothing of what it has compiled (NODE_COMPILE_CACHE). Node.js
// has a folder for each set of V8's flags: by the one in the first line, this program and that of the stack, in which the SDK sets
// others, do not replace each other's code at every run.
flushCompileCache();
