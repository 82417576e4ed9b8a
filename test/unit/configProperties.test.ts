import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import {
  cpuMillicores,
  memoryBytes,
  type ContainerResources,
} from "../../components/kubernetes/resources.ts";
import { parseConfig } from "../../config/load.ts";
import { SECRET_KEYS } from "../../config/schema.ts";
import { CANARY, asRaw, validStage, type StageFile } from "./support/arbitraryStage.ts";
import { RULE_FAULTS, faultOf, withFault, type Fault } from "./support/brokenStage.ts";
import { find, isSecret, record, type Recorded } from "./support/record.ts";

/** Runs of each property; together more than 10,000 configurations, because each stage gets two wrong keys in turn. */
const RUNS = { valid: 3000, program: 30, wrongKey: 2500, rules: 1000 };
const twice = <T>(arbitrary: fc.Arbitrary<T>) => fc.tuple(arbitrary, arbitrary);

const accepted = (stage: StageFile) => parseConfig("qa", asRaw(stage));

function refusal(stage: StageFile): string {
  try {
    accepted(stage);
  } catch (error) {
    if (pulumi.RunError.isInstance(error)) return error.message;
    throw error;
  }
  assert.fail("the configuration was accepted");
}

/** The key as `pulumi config set --path` spells it. */
const dotted = ([key, ...inner]: Fault["path"]) =>
  [
    `todo-app:${key}`,
    ...inner.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)),
  ].join("");

/**
 * The value as the error shows it: never that of a secret, nor that of an unknown key, which may be a mistyped
 * secret's.
 */
function shown({ path, value, unknown }: Fault): string {
  if (unknown) return "unknown";
  if (value === undefined || value === "") return "missing";
  const secret = (SECRET_KEYS as readonly unknown[]).includes(path[0]);
  return secret || String(value).includes("PRIVATE KEY") ? "[secret]" : JSON.stringify(value);
}

function assertRefused(stage: StageFile, fault: Fault): void {
  const message = refusal(withFault(stage, fault));
  const key = dotted(fault.path);
  const [summary, problem, fix, ...rest] = message.split("\n");
  assert.equal(summary, "the configuration of stack qa has 1 problem:");
  assert.ok(problem!.startsWith(`  ${key} is ${shown(fault)}; allowed: `), message);
  const flags = fault.path.length > 1 ? " --path" : "";
  const command = new RegExp(`^    fix: pulumi config (set|rm) --stack qa${flags}( --secret)? '`);
  assert.match(fix!, command);
  assert.ok(fix!.includes(`'${key}'`), message);
  assert.deepEqual(rest, []);
  assert.ok(!message.includes(CANARY), "a secret is shown");
}

const amountOf = (quantity: string) =>
  /[A-Z]i$/.test(quantity) ? memoryBytes(quantity) : cpuMillicores(quantity);

/**
 * What all pods need at their peak: in a rollout of every Deployment at its largest scale, with all old and new pods.
 */
function peakOf(resources: readonly Recorded[]): Record<string, number> {
  const scales = new Map(
    find(resources, "HorizontalPodAutoscaler").map(({ name, inputs }) => [name, inputs.spec]),
  );
  const pods: (ContainerResources & { count: number })[] = [
    ...find(resources, "Deployment").map(({ name, inputs: { spec } }) => ({
      count: 2 * (scales.get(name)?.maxReplicas ?? spec.replicas),
      ...spec.template.spec.containers[0].resources,
    })),
    ...[...find(resources, "StatefulSet"), ...find(resources, "Job")].map(({ inputs }) => ({
      count: 1,
      ...inputs.spec.template.spec.containers[0].resources,
    })),
    ...find(resources, "Cluster").map(({ inputs: { spec } }) => ({
      count: spec.instances,
      ...spec.resources,
    })),
  ];
  const sum = (amount: (pod: ContainerResources) => number) =>
    pods.reduce((total, pod) => total + pod.count * amount(pod), 0);
  return {
    pods: 1000 * sum(() => 1), // a plain number reads as cores, and amounts are in millicores
    "requests.cpu": sum(({ requests }) => cpuMillicores(requests.cpu)),
    "requests.memory": sum(({ requests }) => memoryBytes(requests.memory)),
    "limits.memory": sum(({ limits }) => memoryBytes(limits.memory)),
  };
}

describe("any configuration that is right", function () {
  this.timeout(120_000);

  it("is accepted, with what its workloads, database and certificate need", () => {
    const property = fc.property(validStage, (stage) => {
      const config = accepted(stage);
      for (const { replicas, autoscaling } of [config.backend, config.frontend])
        if (autoscaling)
          assert.ok(autoscaling.minReplicas <= replicas && replicas <= autoscaling.maxReplicas);
      for (const { resources } of [config.backend, config.frontend, config.database]) {
        const { requests, limits } = resources;
        assert.ok(memoryBytes(requests.memory) <= memoryBytes(limits.memory));
        if (limits.cpu) assert.ok(cpuMillicores(requests.cpu) <= cpuMillicores(limits.cpu));
      }
      const external = config.database.mode === "external";
      assert.equal(config.secrets.databaseUrl !== undefined, external);
      assert.equal(config.databasePeer.kind === "outside", external);
      if (external) assert.match(stage.databaseUrl, /sslmode=(require|verify-ca|verify-full)/);
      const issuer = stage.tls?.issuer ?? "none";
      const { tls } = config.address;
      assert.equal(tls?.issuer ?? "none", issuer);
      if (tls && "server" in tls) assert.ok(tls.email && tls.server.startsWith("https://"));
    });
    fc.assert(property, { numRuns: RUNS.valid });
  });

  it("deploys with a quota for all of its pods at once, and with every secret marked as secret", async () => {
    let run = 0;
    const property = fc.asyncProperty(validStage, async (stage) => {
      const program = () => import(`../../index.ts?property-${run++}`);
      const { resources } = await record(program, "qa", asRaw(stage));
      const [quota] = find(resources, "ResourceQuota");
      const peak = peakOf(resources);
      for (const [name, needed] of Object.entries(peak))
        assert.ok(amountOf(quota!.inputs.spec.hard[name]) >= needed, `${name}: ${needed}`);
      const inClear = JSON.stringify(resources, (_, value) => (isSecret(value) ? "" : value));
      assert.ok(!inClear.includes(CANARY), "a secret is not marked as one");
    });
    await fc.assert(property, { numRuns: RUNS.program });
  });
});

describe("any configuration with one wrong key", function () {
  this.timeout(120_000);
  const choice = fc.nat(1_000_000);

  it("is refused with the key, its value, what is allowed and the command that fixes it", () => {
    const property = fc.property(validStage, twice(choice), (stage, numbers) =>
      numbers.forEach((number) => assertRefused(stage, faultOf(stage, number))),
    );
    fc.assert(property, { numRuns: RUNS.wrongKey });
  });

  it("is refused the same way if the key is wrong only in combination with others", () => {
    const faults = twice(fc.constantFrom(...RULE_FAULTS));
    const property = fc.property(validStage, faults, (stage, both) =>
      both.forEach((fault) => assertRefused(stage, fault)),
    );
    fc.assert(property, { numRuns: RUNS.rules });
  });
});
