/** The documentation against what it speaks of: links, targets of make, settings, and the sizes of the stages. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { cpuMillicores, memoryBytes } from "../../components/kubernetes/resources.ts";
import { peakOf } from "../../components/kubernetes/quota.ts";
import { SERVICE_NAMES } from "../../config/services.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import { brokenLink, linksOf, makeTargets, read } from "./support/pages.ts";
import { STAGES, stageConfig } from "./support/stages.ts";

const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(new URL("../../docs", import.meta.url))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const GUIDES = [
  "docs/production.md",
  "docs/security.md",
  "docs/choices.md",
  "docs/managed-clusters.md",
];

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const inMebibytes = (size: string) => memoryBytes(size) / 2 ** 20;

/** What the pods of a stage request by its golden file, as the cells of a row of docs/production.md. */
function requestsOf(stage: string, load: string): readonly string[] {
  const resources: any[] = JSON.parse(read(`test/golden/${stage}.json`));
  const ofType = (type: RegExp) => resources.filter((each) => type.test(each.type));
  const autoscalers = ofType(/:HorizontalPodAutoscaler$/);
  const workloads = ofType(/:(Deployment|StatefulSet)$/).map(({ name, inputs: { spec } }) => {
    const range = autoscalers.find((each) => each.name === name)?.inputs.spec;
    const scales: Record<string, number> = { least: range?.minReplicas, most: range?.maxReplicas };
    const pods: number = scales[load] ?? spec.replicas;
    return { pods, ...spec.template.spec.containers[0].resources };
  });
  const total = (amount: (resources: any) => number) =>
    sum(workloads.map((each) => each.pods * amount(each)));
  const volumes = ofType(/:PersistentVolumeClaim$/).map(({ inputs }) =>
    inMebibytes(inputs.spec.resources.requests.storage),
  );
  return [
    String(total(() => 1)),
    `${total(({ requests }) => cpuMillicores(requests.cpu))}m`,
    `${total(({ requests }) => inMebibytes(requests.memory))}Mi`,
    `${total(({ limits }) => inMebibytes(limits.memory))}Mi`,
    `${total(({ requests }) => inMebibytes(requests["ephemeral-storage"]))}Mi`,
    `${sum(volumes)}Mi`,
  ];
}

/**
 * The settings that a page names: with their namespace, as `todo-app:route.kind`, or as a path below one of the keys, as `route.kind`.
 * An API group such as `monitoring.coreos.com` is none.
 */
function settingsIn(page: string, keys: readonly string[]): ReadonlySet<string> {
  const found = read(page).matchAll(/todo-app:(\w+(?:\.\w+)*)|`(\w+(?:\.\w+)+)(?=[`:\s])/g);
  const paths = [...found].flatMap(([, named, path]) => {
    if (named) return [`todo-app:${named}`];
    const full = `todo-app:${path}`;
    return keys.includes(full.split(".")[0]!) && !full.endsWith(".com") ? [full] : [];
  });
  return new Set(paths);
}

describe("the guides", () => {
  it("link to files and headings that exist", () => {
    const links = PAGES.flatMap((page) => linksOf(page).map((link) => [page, link] as const));
    assert.ok(links.length > 200);
    assert.deepEqual(
      links.flatMap(([page, link]) => brokenLink(page, link) ?? []),
      [],
    );
  });

  it("are found from README", () => {
    for (const guide of GUIDES) assert.ok(read("README.md").includes(`](${guide})`), guide);
  });

  it("name targets of make that exist", () => {
    const targets = makeTargets();
    for (const page of PAGES)
      for (const [command, target] of read(page).matchAll(
        /(?:`|^|\s&& |\$\()make (?:--silent )?([a-z][a-z-]*)/gm,
      ))
        assert.ok(targets.includes(target!), `${page}: ${command}`);
  });

  it("name settings that exist", () => {
    const { properties } = JSON.parse(read("config/stage.schema.json")).properties.config;
    const schemaOf = (schema: any, name: string) =>
      schema?.properties?.[name] ?? schema?.items?.properties?.[name];
    for (const guide of GUIDES) {
      const settings = settingsIn(guide, Object.keys(properties));
      assert.ok(settings.size > 5, `${guide}: ${[...settings].join()}`);
      for (const setting of settings) {
        const [first, ...rest] = setting.split(".");
        assert.ok(rest.reduce<any>(schemaOf, properties[first!]), `${guide}: ${setting}`);
      }
    }
  });

  it("have the sizes of the stages that the golden files have", () => {
    const rows = read("docs/production.md").matchAll(
      new RegExp(`^\\| (${STAGES.join("|")}) +\\|(.*)\\|$`, "gm"),
    );
    const found = [...rows].map(([, stage, cells]) => [
      stage!,
      ...cells!.split("|").map((cell) => cell.trim()),
    ]);
    assert.equal(found.length, 7);
    for (const [stage, load, ...cells] of found)
      assert.deepEqual(cells, requestsOf(stage!, load!), `${stage}, ${load}`);
  });

  it("have the room that a rollout of production needs at its peak", () => {
    const config = effectiveConfig("production", stageConfig("production"))!;
    const { pods, cpu, memory } = peakOf({
      ...config,
      services: SERVICE_NAMES.map((name) => config[name]),
    });
    const text = `${pods} pods, ${cpu}m and ${memory / 2 ** 20}Mi in production`;
    assert.ok(read("docs/production.md").includes(text), text);
  });
});
