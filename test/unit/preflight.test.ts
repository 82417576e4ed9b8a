import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { clusterOf, readOnce, type Reading } from "../../ops/lib/preflight/clusterApi.ts";
import { clusterFindings, type Finding } from "../../ops/lib/preflight/clusterNeeds.ts";
import { OperatorError } from "../../ops/lib/errors.ts";
import { preflight, preflightReport } from "../../ops/lib/preflight/preflight.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import {
  CLASSES,
  INGRESS_CLASSES,
  METRICS,
  STORAGE_CLASSES,
  list,
  withFakeCluster,
} from "./support/fakeCluster.ts";

/** A stage that needs everything that preflight checks. */
const STAGE = {
  "todo-app:kubernetesContext": "staging",
  "todo-app:host": "todo.example.com",
  "todo-app:images": { registry: "ghcr.io" },
  "todo-app:backend": { autoscaling: { minReplicas: 2, maxReplicas: 4 } },
  "todo-app:database": {
    mode: "cloudnative-pg",
    image: "ghcr.io/cloudnative-pg/postgresql:17",
  },
  "todo-app:backup": {
    enabled: true,
    s3: { endpoint: "https://s3.example.com", bucket: "backups" },
  },
  "todo-app:backupS3AccessKeyId": { secure: "v1:xyz" },
  "todo-app:backupS3SecretAccessKey": { secure: "v1:xyz" },
  "todo-app:priorityClassName": "high",
  "todo-app:tls": { issuer: "letsencrypt-staging", email: "ops@todo-app.com" },
};

/** The command that applies a pinned manifest. */
const installs = (manifest: string) =>
  new RegExp(
    `^make --silent manifest NAME=${manifest} \\| kubectl --context staging apply --server-side -f -$`,
  );

describe("preflight", function () {
  // Each test starts a dozen processes.
  this.timeout(30_000);
  const { folder, cluster } = withFakeCluster();
  const findings = async (settings: object = {}, context = "staging") => {
    const config = effectiveConfig("qa", { ...STAGE, ...settings });
    assert.ok(config);
    return clusterFindings(config, await clusterOf(context), "todo-app-qa");
  };
  const only = async (...args: Parameters<typeof findings>): Promise<Finding> => {
    const [finding, ...others] = await findings(...args);
    assert.ok(finding && !others.length, JSON.stringify([finding, ...others]));
    return finding;
  };

  it("finds nothing in a cluster that has everything", async () => {
    cluster();
    assert.deepEqual(await findings(), []);
  });

  const lacking: readonly {
    readonly what: string;
    readonly answers: Readonly<Record<string, object | null>>;
    readonly settings?: object;
    readonly missing: RegExp;
    readonly fix: RegExp;
  }[] = [
    {
      what: "a version that is too old",
      answers: { "/version": { major: "1", minor: "29", gitVersion: "v1.29.9" } },
      missing: /^Kubernetes 1\.30 or newer; the cluster runs v1\.29\.9$/,
      fix: /^upgrade/,
    },
    {
      what: "the ingress class",
      answers: { [INGRESS_CLASSES]: list("haproxy") },
      missing:
        /^IngressClass "traefik", which todo-app:route\.className names; there are: haproxy$/,
      fix: /^helm --kube-context staging upgrade --install traefik .*--namespace traefik .*strictPrefixMatching=true$/,
    },
    {
      what: "an ingress class whose controller is retired, and that it is,",
      answers: { [INGRESS_CLASSES]: list("haproxy") },
      settings: { "todo-app:route": { className: "nginx" } },
      missing: /^IngressClass "nginx", which todo-app:route\.className names; there are: haproxy$/,
      fix: /^make --silent manifest NAME=ingressNginx \| kubectl .* -f - # ingress-nginx is retired since March 2026 /,
    },
    {
      what: "an ingress class that nobody knows how to install",
      answers: {},
      settings: { "todo-app:route": { className: "private", namespace: "private" } },
      missing: /^IngressClass "private".*; there are: nginx, traefik$/,
      fix: /^install the controller that serves private, or name another one: todo-app:route\.className$/,
    },
    {
      what: "the gateway class",
      answers: {},
      settings: { "todo-app:route": { kind: "gateway", className: "traefik" } },
      missing: /^GatewayClass "traefik", which todo-app:route\.className names; there are: envoy$/,
      fix: /^helm --kube-context staging .* --version [\d.]+ .*--namespace traefik .*kubernetesGateway\.enabled=true .*ports\.websecure\.port=443$/,
    },
    {
      what: "cert-manager",
      answers: { "/apis/cert-manager.io/v1": null },
      missing: /^cert-manager, which todo-app:tls\.issuer letsencrypt-staging needs$/,
      fix: installs("certManager"),
    },
    {
      what: "cert-manager, for hosts that are proven through a Gateway",
      answers: { "/apis/cert-manager.io/v1": null },
      settings: {
        "todo-app:route": {
          kind: "gateway",
          className: "envoy",
          namespace: "envoy-gateway-system",
        },
      },
      missing: /^cert-manager/,
      fix: /^helm --kube-context staging .* cert-manager .*enableGatewayAPI=true$/,
    },
    {
      what: "the metrics API",
      answers: { [METRICS]: null },
      missing: /^the metrics API, which autoscaling needs$/,
      fix: installs("metricsServer"),
    },
    {
      what: "a metrics server that answers",
      answers: {
        [METRICS]: {
          status: { conditions: [{ type: "Available", status: "False", message: "no endpoints" }] },
        },
      },
      missing: /^the metrics API.*registered, but not available \(no endpoints\)$/,
      fix: /^kubectl --context staging describe apiservice v1beta1\.metrics\.k8s\.io/,
    },
    {
      what: "any storage class",
      answers: { [STORAGE_CLASSES]: list() },
      missing: /^a default StorageClass, which the database's volume needs$/,
      fix: installs("localPath"),
    },
    {
      what: "a default among its storage classes",
      answers: { [STORAGE_CLASSES]: list("slow", "fast") },
      missing: /^a default StorageClass/,
      fix: /^kubectl --context staging annotate storageclass slow storageclass\.kubernetes\.io\/is-default-class=true$/,
    },
    {
      what: "the storage class that is named",
      answers: {},
      settings: { "todo-app:database": { storageClassName: "fast" } },
      missing:
        /^StorageClass "fast", which todo-app:database\.storageClassName names; there are: standard$/,
      fix: /^name another one/,
    },
    {
      what: "CloudNativePG",
      answers: { "/apis/postgresql.cnpg.io/v1": null },
      missing: /^CloudNativePG, which todo-app:database\.mode cloudnative-pg needs$/,
      fix: installs("cloudNativePg"),
    },
    {
      what: "the plugin that backs CloudNativePG up",
      answers: { "/apis/barmancloud.cnpg.io/v1": null },
      missing: /^the Barman Cloud plugin of CloudNativePG, which todo-app:backup\.enabled needs$/,
      fix: /^helm --kube-context staging upgrade --install plugin-barman-cloud plugin-barman-cloud .* --version 0\.7\.0 --namespace cnpg-system --create-namespace$/,
    },
    {
      what: "the priority class",
      answers: {},
      settings: { "todo-app:priorityClassName": "urgent" },
      missing: /^PriorityClass "urgent", which todo-app:priorityClassName names; there are: high$/,
      fix: /^kubectl --context staging create priorityclass urgent --value \d+$/,
    },
  ];
  for (const { what, answers, settings, missing, fix } of lacking)
    it(`names ${what}, with the command that installs it`, async () => {
      cluster(answers);
      const finding = await only(settings);
      assert.ok("missing" in finding, JSON.stringify(finding));
      assert.match(finding.missing, missing);
      assert.match(finding.fix, fix);
    });

  it("requires the Gateway API and the GatewayClass", async () => {
    cluster({ "/apis/gateway.networking.k8s.io/v1": null, [CLASSES]: null });
    const found = await findings({
      "todo-app:route": { kind: "gateway", className: "envoy", namespace: "envoy-gateway-system" },
    });
    assert.deepEqual(
      found.map((finding) => ("missing" in finding ? finding.missing.split(",")[0] : finding)),
      ["the Gateway API (gateway.networking.k8s.io/v1)", 'GatewayClass "envoy"'],
    );
  });

  it("names cert-manager with the plugin that needs it, where nothing else does", async () => {
    cluster({ "/apis/cert-manager.io/v1": null, "/apis/barmancloud.cnpg.io/v1": null });
    const found = await findings({ "todo-app:tls": { issuer: "none" } });
    assert.deepEqual(
      found.map((finding) => "missing" in finding && finding.missing.split(",")[0]),
      ["cert-manager", "the Barman Cloud plugin of CloudNativePG"],
    );
  });

  it("requires nothing that the stage does not use", async () => {
    cluster({
      "/apis/barmancloud.cnpg.io/v1": null,
      "/apis/cert-manager.io/v1": null,
      "/apis/postgresql.cnpg.io/v1": null,
      [METRICS]: null,
      [STORAGE_CLASSES]: null,
    });
    const settings = {
      "todo-app:backend": {},
      "todo-app:database": { mode: "external" },
      "todo-app:databaseUrl": { secure: "v1:xyz" },
      "todo-app:backup": {},
      "todo-app:backupS3AccessKeyId": "",
      "todo-app:backupS3SecretAccessKey": "",
      "todo-app:tls": { issuer: "secret", secretName: "site" },
    };
    assert.deepEqual(await findings(settings), []);
  });

  it("names what the credentials may not read, and lets the deploy go on", async () => {
    cluster({ "/apis/cert-manager.io/v1": "denied", [INGRESS_CLASSES]: "denied" });
    for (const finding of await findings()) {
      assert.ok("warning" in finding, JSON.stringify(finding));
      assert.match(finding.warning, /^could not check: .* \(.*\(Forbidden\): you may not\)$/);
    }
    assert.equal((await findings()).length, 2);
  });

  it("names Minikube's own add-ons on Minikube", async () => {
    cluster({ [METRICS]: null, [INGRESS_CLASSES]: list(), [STORAGE_CLASSES]: list() });
    assert.deepEqual(
      (await findings({ "todo-app:route": { className: "nginx" } }, "minikube")).map(
        (finding) => "fix" in finding && finding.fix,
      ),
      ["ingress", "metrics-server", "storage-provisioner"].map(
        (addon) => `minikube addons enable ${addon}`,
      ),
    );
  });

  it("names the command that applies the local cluster's own add-ons again", async () => {
    cluster({ cluster: "todo-app-local", [METRICS]: null });
    const issuer = { issuer: "acme", server: "https://ca.test/dir", email: "ops@todo-app.com" };
    const finding = await only({ "todo-app:tls": issuer });
    assert.ok("missing" in finding);
    assert.match(finding.fix, /^rm .*\/todo-app\/cluster\/applied && make cluster/);
  });

  it("refuses Let's Encrypt on the local cluster, whatever its context is called", async () => {
    cluster({ cluster: "todo-app-local" });
    const finding = await only();
    assert.ok("missing" in finding);
    assert.match(finding.missing, /^another issuer than letsencrypt-staging/);
    assert.match(finding.fix, /local\/overrides/);
  });

  describe("of a stage", () => {
    const stage = (settings: object) => {
      const file = join(folder(), "Pulumi.qa.yaml");
      writeFileSync(file, stringify({ config: { ...STAGE, ...settings } }));
      return { name: "qa", file };
    };

    it("lists everything that is missing at once", async () => {
      cluster({ [METRICS]: null, "/apis/cert-manager.io/v1": null });
      await assert.rejects(preflight(stage({})), (error) => {
        assert.ok(error instanceof OperatorError);
        assert.match(
          error.message,
          /^the cluster of context "staging" lacks 2 things that stage qa needs:\n {2}cert-manager.*\n {4}fix: make --silent manifest NAME=\w+ \| kubectl .*\n {2}the metrics API.*\n {4}fix: make --silent manifest NAME=\w+ \| kubectl .*$/,
        );
        assert.match(error.fix, /make preflight STAGE=qa/);
        return true;
      });
    });

    it("is reported as JSON with every problem and its fix", async () => {
      cluster({ [METRICS]: null });
      const { problems, ...report } = await preflightReport(stage({}));
      assert.deepEqual(report, {
        stage: "qa",
        context: "staging",
        namespace: "todo-app-qa",
        passed: false,
        warnings: [],
      });
      assert.deepEqual(
        problems.map(({ message }) => message),
        ["the metrics API, which autoscaling needs"],
      );
      assert.match(problems[0]!.fix, installs("metricsServer"));
      cluster();
      assert.deepEqual(await preflightReport(stage({})), {
        ...report,
        passed: true,
        problems: [],
      });
    });

    it("is reported as a problem if its configuration is wrong", async () => {
      cluster();
      const { passed, problems, warnings } = await preflightReport(
        stage({ "todo-app:hosts": "a" }),
      );
      assert.deepEqual([passed, problems.length, warnings], [false, 1, []]);
      assert.equal(problems[0]!.fix, "make preview STAGE=qa");
    });

    it("decodes a value that pulumi config set wrote as a string", async () => {
      cluster({ [METRICS]: null });
      const autoscaled = JSON.stringify(STAGE["todo-app:backend"]);
      const settings = { "todo-app:protectResources": "true", "todo-app:backend": autoscaled };
      await assert.rejects(preflight(stage(settings)), /lacks 1 thing /);
    });

    it("leaves a wrong configuration to the program, which reports it", async () => {
      cluster({ "/apis/cert-manager.io/v1": null });
      await preflight(stage({ "todo-app:hosts": "a.example.com" }));
      await preflight(stage({ "todo-app:database": { mode: "external" } })); // without its URL
    });
  });
});

describe("checks of the same moment", () => {
  it("read each path once, and get the same answer", async () => {
    const paths: string[] = [];
    const read = (path: string): Promise<Reading> => {
      paths.push(path);
      return Promise.resolve({ state: "found", object: paths.length });
    };
    const cluster = readOnce({ context: "minikube", kind: "other", read });
    const [one, other] = await Promise.all([cluster.read("/version"), cluster.read("/version")]);
    assert.deepEqual(one, other);
    await cluster.read("/api/v1/nodes");
    assert.deepEqual(paths, ["/version", "/api/v1/nodes"]);
  });
});
