/** docs/managed-clusters.md and the costs of a stage: settings exist and are accepted, numbers are those of the stages. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import { linksOf, read } from "./support/pages.ts";
import { STAGES } from "./support/stages.ts";

const GUIDE = read("docs/managed-clusters.md");
const PRODUCTION = read("docs/production.md");
const SECTIONS = ["The same everywhere", "Amazon EKS", "Google GKE", "Azure AKS"];

const cellsOf = (row: string) =>
  row
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
/** The first row of a table that begins with these cells, without them. */
function rowOf(page: string, ...first: readonly string[]): readonly string[] {
  const rows = page.split("\n").filter((line) => line.startsWith("|"));
  const found = rows.map(cellsOf).find((cells) => first.every((cell, at) => cells[at] === cell));
  assert.ok(found, first.join());
  return found.slice(first.length);
}

/** The section of a page below a heading. */
const sectionOf = (page: string, heading: string) =>
  page.split(/^## /m).find((section) => section.startsWith(`${heading}\n`))!;

describe("docs/managed-clusters.md", () => {
  const { properties } = JSON.parse(read("config/stage.schema.json")).properties.config;
  const isSetting = (path: string) => {
    const [first, ...rest] = path.split(".");
    const inside = (schema: any, key: string) => schema?.properties?.[key];
    return Boolean(rest.reduce<any>(inside, properties[`todo-app:${first}`]));
  };

  it("names settings that exist, in its table and in its text", () => {
    const names = [...GUIDE.matchAll(/`([A-Za-z]\w*(?:\.\w+)*)(?:: [^`]+)?`/g)]
      .map(([, name]) => name!)
      .filter((name) => isSetting(name.split(".")[0]!));
    assert.ok(names.length > 20, names.join());
    assert.deepEqual(
      names.filter((name) => !isSetting(name)),
      [],
    );
  });

  it("has settings that a stage file may have, for each cloud", () => {
    const [shared, ...clouds] = SECTIONS.map((name) => {
      const [, block] = /```yaml\n([^]*?)```/.exec(sectionOf(GUIDE, name))!;
      return parse(block!);
    });
    for (const cloud of clouds) {
      const stage = { "todo-app:host": "todo-app.com", ...shared, ...cloud };
      assert.ok(effectiveConfig("qa", stage), JSON.stringify(cloud));
    }
  });

  it("marks each block of commands: they need a cloud", () => {
    const blocks = GUIDE.match(/```sh\n/g);
    const marked = GUIDE.match(/^☁ [^\n]*:\n\n```sh\n/gm);
    assert.equal(blocks?.length, 3);
    assert.equal(marked?.length, 3);
  });

  it("has the addresses that the policies leave out, and those that they do not", () => {
    const policies = read("test/golden/production.json");
    assert.ok(policies.includes('"169.254.0.0/16"') && GUIDE.includes("`169.254.0.0/16`"));
    assert.ok(!policies.includes("168.63.129.16") && GUIDE.includes("`168.63.129.16`"));
  });
});

describe("the costs of a stage", () => {
  const costs = sectionOf(PRODUCTION, "What a stage costs");
  const requests = sectionOf(PRODUCTION, "What a stage requests");
  /** The amounts of the table above, which guides.test.ts computes from the golden files. */
  const requested = (stage: string, load: "least" | "most") => {
    const row = rowOf(requests, stage, stage === "dev" ? "fixed" : load);
    const [, cpu, memory, , , volumes] = row.map(parseFloat);
    return { cpu: cpu! / 1000, memory: memory! / 1024, volumes: volumes! / 1024 };
  };
  const count = (stage: string, type: RegExp, ofType?: string) =>
    JSON.parse(read(`test/golden/${stage}.json`)).filter(
      (each: any) => type.test(each.type) && (!ofType || each.inputs.spec?.type === ofType),
    ).length;

  it("are those that the golden files have", () => {
    const numbers: Readonly<Record<string, (stage: string) => number>> = {
      "vCPU, at least": (stage) => requested(stage, "least").cpu,
      "vCPU, at most": (stage) => requested(stage, "most").cpu,
      "memory in GiB, at least": (stage) => requested(stage, "least").memory,
      "memory in GiB, at most": (stage) => requested(stage, "most").memory,
      "volumes in GiB": (stage) => requested(stage, "least").volumes,
      "load balancers of the stage": (stage) => count(stage, /:Service$/, "LoadBalancer"),
      "routes at the controller's": (stage) => count(stage, /:Ingress$/),
    };
    const stages = rowOf(costs, "what is paid for");
    assert.deepEqual([...stages].sort(), [...STAGES].sort());
    for (const [name, number] of Object.entries(numbers))
      assert.deepEqual(rowOf(costs, name).map(Number), stages.map(number), name);
  });
});

describe("the guides that README links", () => {
  it("have the managed clusters, the costs and where to read about secrets", () => {
    for (const link of [
      "docs/managed-clusters.md",
      "docs/production.md#what-a-stage-costs",
      "docs/security.md#secrets-where-to-read-what",
    ])
      assert.ok(linksOf("README.md").includes(link), link);
  });
});
