// What the stack relies on in the Kubernetes provider's resources, through the real engine and a real cluster.
import assert from "node:assert/strict";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { kubectl, needs, Project, type Run } from "./stack.ts";

const image = process.env.CONTRACT_BASE_IMAGE ?? "docker.io/library/python:3.13-slim";
const namespace = "contract-behaviour";
const canary = "s3cret-canary";

const inNamespace = (...args: string[]) => kubectl("-n", namespace, ...args);
const field = (path: string, ...object: string[]) =>
  inNamespace("get", ...object, "-o", `jsonpath={${path}}`);

/** A program that declares resources in the test's namespace. */
const program =
  (
    declare: (
      opts: pulumi.CustomResourceOptions,
      metadata: { namespace: pulumi.Output<string> },
    ) => unknown,
  ) =>
  () => {
    const provider = new kubernetes.Provider("cluster", { kubeconfig: process.env.KUBECONFIG! });
    const own = new kubernetes.core.v1.Namespace(
      "own",
      { metadata: { name: namespace } },
      { provider },
    );
    return Promise.resolve(
      declare({ provider }, { namespace: own.metadata.name }) as Record<string, unknown>,
    );
  };

interface Web {
  readonly env?: pulumi.Input<string>;
  readonly image?: string;
  readonly app?: string;
  readonly annotations?: Record<string, string>;
  readonly opts?: pulumi.CustomResourceOptions;
}

const labels = (app: string) => ({ app });
const deployment = ({ env = "1", app = "web", ...args }: Web = {}) =>
  program((opts, metadata) => {
    const settings = new kubernetes.core.v1.ConfigMap(
      "settings",
      { metadata, data: { VALUE: env } },
      opts,
    );
    const container = {
      name: "web",
      image: args.image ?? image,
      command: ["sleep", "infinity"],
      envFrom: [{ configMapRef: { name: settings.metadata.name } }],
    };
    const web = new kubernetes.apps.v1.Deployment(
      "web",
      {
        metadata: {
          ...metadata,
          name: "web",
          annotations: {
            "pulumi.com/timeoutSeconds": args.image ? "15" : "60",
            ...args.annotations,
          },
        },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels(app) },
          strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: {
            metadata: { labels: labels(app) },
            spec: { terminationGracePeriodSeconds: 1, containers: [container] },
          },
        },
      },
      { ...opts, ...args.opts },
    );
    return { settings: settings.metadata.name, ready: web.status.readyReplicas };
  });
const configMap = (data: Record<string, string>, more: pulumi.CustomResourceOptions = {}) =>
  program((opts, metadata) => {
    new kubernetes.core.v1.ConfigMap(
      "named",
      { metadata: { ...metadata, name: "named" }, data },
      { ...opts, ...more },
    );
    return {};
  });
const type = (step: string) => step.replace(/kubernetes:[^:]*:/, "");

describe("Kubernetes resources", function () {
  this.timeout(180_000);
  let project: Project;
  const up = async (declare: pulumi.automation.PulumiFn | (() => Promise<unknown>)) => {
    const run = await project.up(declare as () => Promise<Record<string, unknown>>);
    assert.equal(run.error, undefined);
    return run;
  };
  before(function () {
    needs(this, "the Pulumi CLI", "pulumi", "version");
    needs(this, "a cluster", "kubectl", "get", "--raw", "/readyz");
    kubectl("delete", "namespace", namespace, "--ignore-not-found");
  });
  beforeEach(async () => void (project = await Project.create()));
  afterEach(async () => {
    await project.remove();
    const left = kubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "name");
    assert.equal(left, "", "destroy waits until the namespace is gone");
  });

  it("changes nothing on preview", async () => {
    const { error, steps } = await project.preview(deployment());
    assert.deepEqual([error, steps.length], [undefined, 5]);
    assert.equal(kubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "name"), "");
  });

  it("waits until a Deployment is ready, and then has nothing to change", async () => {
    const { outputs } = await up(deployment());
    assert.equal(outputs.ready, 1);
    assert.deepEqual((await project.preview(deployment())).steps, []);
    assert.deepEqual((await project.refresh()).error, undefined);
    assert.deepEqual((await up(deployment())).steps, []);
  });

  it("rolls the pods when an auto-named ConfigMap changes, and deletes the old one last", async () => {
    const first = await up(deployment());
    const second = await up(deployment({ env: "2" }));
    assert.match(String(second.outputs.settings), /^settings-[0-9a-f]{8}$/);
    assert.notEqual(second.outputs.settings, first.outputs.settings);
    assert.equal(
      field(".spec.template.spec.containers[0].envFrom[0].configMapRef.name", "deployment", "web"),
      second.outputs.settings,
    );
    assert.deepEqual(second.steps.filter((step) => !/^(replace|import) /.test(step)).map(type), [
      "create-replacement ConfigMap::settings",
      "update Deployment::web",
      "delete-replaced ConfigMap::settings",
    ]);
  });

  it("deletes a user-named ConfigMap before it creates the new one", async () => {
    await up(configMap({ A: "1" }));
    const { steps } = await up(configMap({ A: "2" }));
    const order = steps.filter(
      (step) => step.includes("ConfigMap") && !step.startsWith("replace "),
    );
    assert.deepEqual(order.map(type), [
      "delete-replaced ConfigMap::named",
      "create-replacement ConfigMap::named",
    ]);
    assert.equal(field(".data.A", "configmap", "named"), "2");
  });

  it("replaces a Deployment whose selector changes", async () => {
    await up(deployment());
    const { steps } = await up(deployment({ app: "other" }));
    assert.ok(steps.map(type).includes("create-replacement Deployment::web"), steps.join("\n"));
    assert.equal(field(".spec.selector.matchLabels.app", "deployment", "web"), "other");
  });

  it("does not change the replicas of a scaled Deployment if changes of them are ignored", async () => {
    const opts = { ignoreChanges: ["spec.replicas"] };
    await up(deployment({ opts }));
    inNamespace("scale", "deployment/web", "--replicas=2");
    assert.deepEqual((await project.preview(deployment({ opts }))).steps, []);
    await up(deployment({ env: "2", opts }));
    assert.equal(field(".spec.replicas", "deployment", "web"), "2");
  });

  it("takes over the replicas of a Deployment that is no longer scaled, but only with patchForce", async () => {
    await up(deployment({ opts: { ignoreChanges: ["spec.replicas"] } }));
    // As an autoscaler does it: with the controller manager as the field manager.
    inNamespace(
      ...["patch", "deployment/web", "--subresource=scale", "--type=merge"],
      ...["--field-manager=kube-controller-manager", '--patch={"spec":{"replicas":2}}'],
    );
    const { error } = await project.up(deployment({ env: "2" }));
    assert.match(String(error), /conflict/);
    await up(deployment({ env: "2", annotations: { "pulumi.com/patchForce": "true" } }));
    assert.equal(field(".spec.replicas", "deployment", "web"), "1");
  });

  it("refuses to take over an object that exists already", async () => {
    await up(program(() => ({})));
    inNamespace("create", "configmap", "named", "--from-literal=A=0");
    const { error } = await project.up(configMap({ A: "1" }));
    assert.match(String(error), /conflict with "kubectl-create" .*: \.data\.A/);
    assert.equal(field(".data.A", "configmap", "named"), "0");
  });

  it("imports an object, notices that it was changed by hand, and reverts the change", async () => {
    await up(program(() => ({})));
    inNamespace("create", "configmap", "named", "--from-literal=A=1");
    const imported = await up(configMap({ A: "1" }, { import: `${namespace}/named` }));
    assert.deepEqual(imported.steps.map(type), ["import ConfigMap::named"]);
    inNamespace("patch", "configmap", "named", "--patch", '{"data":{"A":"9"}}');
    assert.deepEqual((await project.refresh()).error, undefined);
    const repaired = await up(configMap({ A: "1" }));
    assert.ok(repaired.steps.length > 0, "the drift is a difference after a refresh");
    assert.equal(field(".data.A", "configmap", "named"), "1");
  });

  it("recreates an object that was deleted by hand, after a refresh has noticed it", async () => {
    await up(configMap({ A: "1" }));
    inNamespace("delete", "configmap", "named");
    await project.refresh();
    assert.deepEqual((await up(configMap({ A: "1" }))).steps.map(type), [
      "create ConfigMap::named",
    ]);
  });

  it("says why a rollout fails while the old pods keep serving, and recovers", async () => {
    // Where the controller is slow, the plugin may take the old pods for the rollout, and succeed: it begins with the object
    // that it knew before the update, for which the controller has done everything. So `make up` looks for itself, and the
    // plugin gets some tries here.
    let bad: Run | undefined;
    for (let tries = 0; tries < 3 && !bad?.error; tries++) {
      await up(deployment());
      bad = await project.up(deployment({ image: "localhost:5000/contract/no-such-image:v0" }));
    }
    assert.ok(bad);
    assert.match(`${bad.error}\n${bad.log}`, /no-such-image.*|ErrImagePull|ImagePullBackOff/);
    assert.match(String(bad.error), /failed to fully initialize or become live/);
    assert.equal(field(".status.availableReplicas", "deployment", "web"), "1");
    await up(deployment());
    assert.deepEqual((await project.preview(deployment())).steps, []);
  });

  it("keeps a Secret's data out of the state, the diff and the log", async () => {
    const secret = (value: string) =>
      program((opts, metadata) => {
        new kubernetes.core.v1.Secret(
          "s",
          { metadata, stringData: { PASSWORD: pulumi.secret(value) } },
          opts,
        );
        return {};
      });
    const { log } = await up(secret(canary));
    const preview = await project.preview(secret("other"));
    for (const [where, text] of Object.entries({
      state: project.state(),
      log,
      preview: preview.log,
    })) {
      assert.ok(!text.includes(canary), `${where} shows the value`);
      assert.ok(
        !text.includes(Buffer.from(canary).toString("base64")),
        `${where} shows the value in base64`,
      );
    }
  });
});
