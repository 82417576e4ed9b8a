/**
 * Writes what `monitoring.enabled` adds to a stage as Kubernetes manifests, for promtool and kubectl.
 *
 * Usage: node test/monitoring/render.ts <stage> [settings as JSON]
 */
import { stringify } from "yaml";
import { record } from "../unit/support/record.ts";
import { withKeys } from "../unit/support/stages.ts";

/** The namespace in which the tests say that Prometheus runs. */
const monitoring = { enabled: true, namespace: "monitoring", labels: ["release=prometheus"] };

const [stage, settings = "{}"] = process.argv.slice(2);
const config = withKeys(stage!, { monitoring, ...(JSON.parse(settings) as object) });
const { resources } = await record(() => import("../../index.ts"), stage, config);
const objects = resources.filter(({ parent }) => parent.endsWith("::monitoring"));
process.stdout.write(objects.map(({ inputs }) => stringify(inputs)).join("---\n"));
