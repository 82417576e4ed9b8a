/** The guides: docs/troubleshooting.md names whatever the doctor may find, and the commands of all of them exist. */
import assert from "node:assert/strict";
import { neededConnections } from "../../components/databaseConnections.ts";
import { peakOf } from "../../components/kubernetes/quota.ts";
import { SERVICES, SERVICE_NAMES } from "../../config/services.ts";
import { REASONS } from "../../ops/lib/doctor/access.ts";
import { RULES } from "../../ops/lib/doctor/table.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import { brokenLink, linksOf, makeTargets, read } from "./support/pages.ts";
import { stageConfig } from "./support/stages.ts";

const GUIDES = ["troubleshooting", "tuning", "assistants"].map((name) => `docs/${name}.md`);
const names = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name);

describe("the guides", () => {
  it("name every rule of the doctor, and every reason for which it can't look", () => {
    const page = read("docs/troubleshooting.md");
    for (const name of [...names(RULES), ...names(REASONS), "forbidden"])
      assert.ok(page.includes(`\`${name}\``), `docs/troubleshooting.md does not have \`${name}\``);
  });

  it("have the numbers of connections and of the quota that the checks compute", () => {
    const page = read("docs/tuning.md").replaceAll(/ +/g, " ");
    const stage = effectiveConfig("production", stageConfig("production"))!;
    const services = (maxReplicas: number) =>
      SERVICE_NAMES.map((name) => {
        const autoscaling = { minReplicas: 2, maxReplicas };
        return { ...stage[name], name, autoscaling, connections: SERVICES[name].connections };
      });
    for (const pods of [2, 5, 6, 10, 20])
      assert.match(
        page,
        new RegExp(`\\| ${pods}(, [a-z ]+)? \\| ${neededConnections(services(pods)).count} \\|`),
      );
    const needed = (most: number) => {
      const { pods, cpu, memory } = peakOf({ ...stage, services: services(most) });
      return [pods, cpu / 1000, `${memory / 2 ** 30}Gi`] as const;
    };
    for (const value of needed(stage.backend.autoscaling!.maxReplicas))
      assert.ok(page.includes(`| ${value} |`), String(value));
    for (const most of [20, 50]) {
      const [pods, cpu, memory] = needed(most);
      assert.ok(page.replaceAll("\n", " ").includes(`${pods} pods, ${cpu} CPU and ${memory}`));
    }
  });

  for (const file of GUIDES)
    it(`call targets of make that exist, and lead to sections that exist: ${file}`, () => {
      const page = read(file);
      const targets = makeTargets();
      for (const [, target] of page.matchAll(/\bmake (?:--silent )?([a-z][a-z-]*)/g))
        assert.ok(targets.includes(target!), target);
      for (const link of linksOf(file)) assert.equal(brokenLink(file, link), undefined);
    });
});
