/** Values as real stage files have them: unusual ones that are valid, and invalid ones that look valid. */
import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { cpuMillicores, quantityOf } from "../../components/kubernetes/resources.ts";
import { loadConfig, parseConfig, type StackConfig } from "../../config/load.ts";
import { accepted, refusal } from "./support/configuration.ts";
import { stageConfig, withKey, withKeys } from "./support/stages.ts";

describe("a quantity", () => {
  const values: Readonly<Record<string, number>> = {
    "1": 1,
    "0.5": 0.5,
    ".5": 0.5,
    "250m": 0.25,
    "512M": 512e6,
    "1.5Gi": 1.5 * 2 ** 30,
    "2e3": 2000,
    "1E6": 1e6,
    "1E": 1e18,
    "100k": 100e3,
    "64Ki": 65536,
  };
  for (const [text, value] of Object.entries(values))
    it(`${text} is ${value}`, () => assert.equal(quantityOf(text), value));
  for (const text of ["", "1KB", "1 Gi", "-1", "1.5.5", "Gi", "1gi", "0x10"])
    it(`"${text}" is not a quantity`, () => assert.ok(Number.isNaN(quantityOf(text))));
});

describe("CPU and memory", () => {
  const withCpu = (cpu: unknown) => ({
    resources: { requests: { cpu, memory: "64Mi" }, limits: { memory: "64Mi" } },
  });
  const withMemory = (memory: unknown) => ({
    resources: { requests: { cpu: 1, memory }, limits: { memory } },
  });

  it("are compared and added up in any notation", () => {
    const spellings = ["0.29", "290m", "290e-3", "290000u", "+.29"];
    for (const spelling of spellings) assert.equal(cpuMillicores(spelling), 290);
    const quota = { cpu: "100000", memory: "1Pi" };
    const fits = (backend: object) =>
      parseConfig("dev", withKeys("dev", { backend: { replicas: 1, ...backend }, quota }));
    for (const cpu of [...spellings, 0.29, 25_000]) fits(withCpu(cpu));
    for (const memory of ["1Mi", "0.5Gi", "64e6", "200Ti", 2 ** 26]) fits(withMemory(memory));
  });

  it("have bounds: less than any container needs, or more than any node has, is a wrong unit", () => {
    for (const cpu of ["1u", "0.0005", "1500u", 100_001, "1e300", -1, 0, "1 core", "", null])
      assert.match(
        refusal("backend", withCpu(cpu)),
        /requests\.cpu is .*; allowed: CPU such as "250m", "1" or 0\.5: whole millicores, up to 100000 cores\n/,
      );
    for (const memory of ["400m", "512", 512, "1Ki", "2Pi", "1e300", "1GB", "-1Gi", true])
      assert.match(
        refusal("backend", withMemory(memory)),
        /requests\.memory is .*; allowed: memory such as "128Mi", "512M" or "1Gi", from 1Mi to 1Pi\n/,
      );
  });
});

describe("an image", () => {
  const digest = `sha256:${"a1".repeat(32)}`;
  const set: Readonly<Record<string, (value: string) => StackConfig>> = {
    registry: (registry) => accepted("images", { registry }),
    baseRegistry: (baseRegistry) => accepted("images", { registry: "ghcr.io", baseRegistry }),
    cacheFrom: (image) => accepted("images", { registry: "ghcr.io", cacheFrom: [image] }),
    prebuilt: (backend) => accepted("images", { registry: "ghcr.io", backend }),
    database: (image) => accepted("database", { image }),
  };
  const cases: readonly (readonly [keyof typeof set, string, string[], string[]])[] = [
    [
      "registry",
      "a registry host such as ghcr.io or localhost:5000",
      ["ghcr.io", "localhost", "localhost:5000", "registry:5000", "10.0.0.1:80", "[::1]:5000"],
      ["", "ghcr", "ghcr.io/team", "https://ghcr.io", "-a.io", "ghcr.io:", "ghcr.io:0", "a..b"],
    ],
    [
      "baseRegistry",
      "a registry, with or without a path, such as docker.io/library",
      ["docker.io/library", "m.example:5000/a__b"],
      ["docker.io/", "a b", "/x"],
    ],
    [
      "cacheFrom",
      "image references",
      ["a", "ghcr.io/a/b:v1", `b@${digest}`],
      ["", "A", "a:", "a b", "a@sha256:1"],
    ],
    [
      "prebuilt",
      "an image reference by digest: name@sha256:<64 hex digits>",
      [`ghcr.io/my--org/a@${digest}`, `localhost:5000/a:v1@${digest}`],
      ["a:v1", `A@${digest}`, `a@${digest}0`, `https://a@${digest}`],
    ],
    [
      "database",
      "an image with a tag or digest",
      ["postgres:17", `postgres@${digest}`, `docker.io/library/postgres:17@${digest}`],
      ["postgres", "postgres:", "postgres:-1", `postgres:${"1".repeat(129)}`],
    ],
  ];
  for (const [what, allowed, right, wrong] of cases) {
    it(`of ${what} may be ${right.join(", ")}`, () => right.forEach((value) => set[what]!(value)));
    it(`of ${what} may not be ${wrong.join(", ")}`, () =>
      wrong.forEach((value) =>
        assert.throws(() => set[what]!(value), { message: new RegExp(`allowed: ${allowed}\n`) }),
      ));
  }
});

describe("a stage file may have", () => {
  it("names of digits, which pulumi config set --path stores as numbers", () => {
    const tls = { issuer: "secret", secretName: 1 };
    const { tls: certificate } = accepted("tls", tls).address;
    assert.deepEqual(certificate, { issuer: "secret", secretName: "1" });
    assert.match(refusal("tls", { issuer: "secret", secretName: 1.5 }), /the name of a Secret/);
    assert.match(refusal("tls", { issuer: "secret", secretName: true }), /the name of a Secret/);
  });

  it("CPU as a number, and memory in any unit", () => {
    const resources = { requests: { cpu: 0.5, memory: "512M" }, limits: { cpu: 1, memory: "1G" } };
    assert.deepEqual(accepted("backend", { resources }).backend.resources, {
      requests: { cpu: "0.5", memory: "512M" },
      limits: { cpu: "1", memory: "1G" },
    });
  });

  it("a repository with any separator of the distribution reference", () => {
    for (const repository of ["my--org/app", "a__b/c.d", "a-----b"])
      accepted("images", { registry: "ghcr.io", repository });
    for (const repository of ["a..b", "a___b", "-a", "a/", "A"])
      assert.match(
        refusal("images", { registry: "ghcr.io", repository }),
        /images\.repository is ".*"; allowed: a repository path/,
      );
  });

  it("a context with blanks in its name, or the name of a cloud", () => {
    for (const context of ["kind team a", "arn:aws:eks:eu-west-1:123:cluster/a"])
      assert.equal(accepted("kubernetesContext", context).kubernetesContext, context);
    assert.match(refusal("kubernetesContext", " minikube"), /the name of a context/);
  });

  it("a certificate with line ends of Windows and notes in front", () => {
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    const file = `# our authority\r\n${pem.replaceAll("\n", "\r\n")}`;
    const database = { mode: "external", caCertificate: file };
    assert.equal(accepted("database", database, "staging").database.caCertificate, pem);
    const chain = `${pem}subject=CN = ours\n${pem}`;
    const { database: chained } = accepted(
      "database",
      { ...database, caCertificate: chain },
      "staging",
    );
    assert.equal(chained.caCertificate, pem + pem);
    const fix = refusal("database", { mode: "external", caCertificate: "no PEM" }, "staging");
    assert.match(fix, /fix: .*'todo-app:database\.caCertificate' < file\.pem/);
  });
});

describe("a value that must not be shown", () => {
  it("is left out of the error: a private key in place of a certificate", () => {
    const key = "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----\n";
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    for (const caCertificate of [key, pem + key, key + pem])
      assert.equal(
        refusal("database", { mode: "external", caCertificate }, "staging"),
        "the configuration of stack staging has 1 problem:\n" +
          "  todo-app:database.caCertificate is [secret]; allowed: a certificate in PEM form, without its key\n" +
          "    fix: pulumi config set --stack staging --path 'todo-app:database.caCertificate' < file.pem",
      );
  });

  it("is left out of the error: an object of which a part is encrypted", () => {
    const raw = withKey("dev", "database", { image: "canary", storage: "1Gi" });
    const isEncrypted = (key: string) => key === "todo-app:database";
    assert.throws(() => parseConfig("dev", raw, isEncrypted), {
      message:
        "the configuration of stack dev has 1 problem:\n" +
        "  todo-app:database.image is [secret]; allowed: an image with a tag or digest\n" +
        "    fix: pulumi config set --stack dev --path --secret 'todo-app:database.image'",
    });
    const right = withKey("dev", "database", { image: "postgres:17", storage: "1Gi" });
    assert.equal(parseConfig("dev", right, isEncrypted).database.image, "postgres:17");
  });

  it("is cut if it is a whole file", () => {
    const message = refusal("llm", { model: "no model ".repeat(1000) });
    assert.match(message, /llm\.model is "no model .{190,200}…; allowed: a model name\n/);
  });

  it("must not be in clear in a stage file: the engine says which values it decrypted", () => {
    const raw = stageConfig("staging");
    const mocks = { call: () => ({}), newResource: () => ({ id: "", state: {} }) };
    void pulumi.runtime.setMocks(mocks, "todo-app", "staging");
    pulumi.runtime.setAllConfig(raw, ["todo-app:openaiApiKey"]);
    assert.throws(
      loadConfig,
      /has 1 problem:\n {2}todo-app:databaseUrl is \[secret\]; allowed: an encrypted value; .*\n {4}fix: pulumi config set --stack staging --secret 'todo-app:databaseUrl'$/,
    );
    pulumi.runtime.setAllConfig(raw, ["todo-app:openaiApiKey", "todo-app:databaseUrl"]);
    loadConfig();
  });
});
