/** Follows docs/extending.md in a copy of the project, and runs that copy's program as in a deploy. */
import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { find, record, type Recorded } from "./support/record.ts";
import { encode } from "./support/stages.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const [, third, other] = readFileSync(join(ROOT, "docs/extending.md"), "utf8").split(/^## /m);
const blocks = (section: string) =>
  [...section.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, code]) => code!);

describe("docs/extending.md", () => {
  let project: string;
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "extending-"));
    for (const part of ["app", "components", "config", "index.ts", "package.json"])
      cpSync(join(ROOT, part), join(project, part), {
        recursive: true,
        filter: (path) => !/node_modules|\.venv|\.next/.test(path),
      });
    for (const file of ["Pulumi.yaml", "Pulumi.dev.yaml"])
      cpSync(join(ROOT, file), join(project, file));
    symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));
    process.chdir(project);
  });
  afterEach(() => {
    process.chdir(ROOT);
    rmSync(project, { recursive: true });
  });

  const edit = (file: string, change: (text: string) => string) => {
    const before = readFileSync(join(project, file), "utf8");
    const after = change(before);
    assert.notEqual(after, before, file);
    writeFileSync(join(project, file), after);
  };
  const insertBefore = (file: string, line: RegExp, block: string) =>
    edit(file, (text) => text.replace(line, (found) => block + found));

  /** The stage dev as the engine hands it to the program. */
  const config = () => {
    const read = (file: string) => parse(readFileSync(join(project, file), "utf8")).config;
    const declared = Object.entries<{ default: unknown }>(read("Pulumi.yaml"));
    const defaults = declared.map(([key, { default: value }]) => [`todo-app:${key}`, value]);
    const values: object = { ...Object.fromEntries(defaults), ...read("Pulumi.dev.yaml") };
    return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, encode(value)]));
  };
  const deployed = async () =>
    (await record(() => import(join(project, "index.ts")), "dev", config())).resources;

  /** The workloads that may call a workload (ingress) or that it may call (egress), each with the port. */
  const connections = (
    resources: readonly Recorded[],
    name: string,
    direction: "ingress" | "egress",
  ): [string, number][] => {
    const { spec } = find(resources, "NetworkPolicy").find((found) => found.name === name)!.inputs;
    return spec[direction].flatMap(({ from, to, ports }: any) =>
      (from ?? to)
        .filter(({ podSelector }: any) => podSelector)
        .map(({ podSelector: { matchLabels } }: any) => [
          matchLabels["app.kubernetes.io/name"],
          ports[0].port,
        ]),
    );
  };
  const names = (resources: readonly Recorded[], type: string) =>
    find(resources, type).map(({ name }) => name);

  it("adds a third service with all its objects, its connections and its room in the quota", async () => {
    const [key, service, calls, block, dockerfile, program] = blocks(third!);
    insertBefore("Pulumi.yaml", /^ {2}placement:$/m, key!.replace("config:\n", ""));
    insertBefore("config/services.ts", /^\} satisfies/m, service!);
    insertBefore("index.ts", /^ {2}\{ from: "migration"/m, calls!);
    insertBefore("index.ts", /^const backend = new WebService/m, block!);
    for (const [path, text] of [
      ["app/reports/Dockerfile", dockerfile],
      ["app/reports/reports.py", program],
    ] as const) {
      mkdirSync(dirname(join(project, path)), { recursive: true });
      writeFileSync(join(project, path), text!);
    }
    const resources = await deployed();
    for (const type of ["Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"])
      assert.ok(names(resources, type).includes("reports"), type);
    assert.ok(names(resources, "Image").includes("reports-image"));
    assert.deepEqual(connections(resources, "reports", "ingress"), [["backend", 8080]]);
    assert.deepEqual(connections(resources, "reports", "egress"), [["postgres", 5432]]);
    const ofBackend = connections(resources, "backend", "egress");
    assert.deepEqual(ofBackend.at(-1), ["reports", 8080]);
    const ofPostgres = connections(resources, "postgres", "ingress");
    assert.ok(ofPostgres.some(([name]) => name === "reports"));

    edit("Pulumi.dev.yaml", (text) => `${text}  todo-app:quota:\n    pods: 1\n`);
    const { loadConfig } = await import(join(project, "config/load.ts"));
    const refused = record(() => loadConfig(), "dev", config());
    // Two pods of each of three services, twice in a rollout, and the pods of the database, the migration and the
    // headroom.
    await assert.rejects(refused, /at least 19, which backend, frontend, reports, database/);
  });

  it("puts another app's images on the stack, with their own ports, health paths, users and secrets", async () => {
    const [services, images, story] = blocks(other!);
    edit("config/services.ts", (text) =>
      text.replace(/^export const SERVICES = .*?^\} satisfies[^\n]*\n/ms, services!),
    );
    const renamed = (text: string) =>
      text.replace(/\bbackend:/, "api:").replace(/\bfrontend:/, "site:");
    edit("Pulumi.yaml", (text) =>
      text.replace(/^ {2}backend:/m, "  api:").replace(/^ {2}frontend:/m, "  site:"),
    );
    edit("Pulumi.dev.yaml", (text) =>
      renamed(text)
        .replace(/^config:\n/m, images!)
        .replace(/^ {2}todo-app:images:\n.*\n(?= {2}todo-app:api)/m, ""),
    );
    edit("index.ts", (text) => text.replace(/^\/\/ Allowed connections, .*/ms, story!));
    const resources = await deployed();
    assert.deepEqual(names(resources, "Image"), []);
    assert.deepEqual(names(resources, "Deployment").sort(), ["api", "site"]);
    const pod = (name: string) =>
      find(resources, "Deployment").find((found) => found.name === name)!.inputs.spec.template.spec;
    const [api] = pod("api").containers;
    assert.match(api.image, /^ghcr\.io\/acme\/api@sha256:0+$/);
    assert.equal(api.readinessProbe.httpGet.path, "/ping?database");
    assert.deepEqual(
      api.ports.map(({ containerPort }: any) => containerPort),
      [5000, 9090],
    );
    assert.deepEqual(
      api.env.map(({ name }: any) => name),
      ["POSTGRES_DSN_FILE", "JWT_KEY_FILE"],
    );
    assert.equal(pod("site").securityContext.runAsUser, 101);
    assert.deepEqual(pod("site").containers[0].env, []);
    assert.deepEqual(connections(resources, "postgres", "ingress"), [["api", 5432]]);
    assert.deepEqual(
      find(resources, "Ingress")[0]!.inputs.spec.rules[0].http.paths.map(
        ({ path, backend }: any) => [path, backend.service.name, backend.service.port.number],
      ),
      [
        ["/api", "api", 5000],
        ["/", "site", 8080],
      ],
    );
  });
});
