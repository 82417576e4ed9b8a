/** Rules that every resource of every stage must keep, whichever component declares it. */
import assert from "node:assert/strict";
import { cpuMillicores, memoryBytes } from "../../components/kubernetes/resources.ts";
import { isSecret, record, type Recorded } from "./support/record.ts";
import { GIVEN_SECRETS, STAGES, stageConfig } from "./support/stages.ts";

const kindOf = ({ type }: Recorded) => type.split(":").pop()!;
const urnName = (urn: string) => urn.split("::").pop()!;
const podTemplate = ({ inputs }: Recorded) =>
  inputs.spec?.template ?? inputs.spec?.jobTemplate?.spec.template;
const parentName = ({ parent }: Recorded) => urnName(parent);

for (const stage of STAGES) {
  describe(`every resource of ${stage}`, () => {
    let resources: readonly Recorded[];
    let pods: readonly Recorded[];
    const ofKind = (...kinds: string[]) =>
      resources.filter((resource) => kinds.includes(kindOf(resource)));

    before(async () => {
      const program = () => import(`../../index.ts?rules-${stage}`);
      ({ resources } = await record(program, stage, stageConfig(stage)));
      pods = resources.filter(podTemplate);
      assert.ok(pods.length >= 3, "backend, frontend and migration run pods");
    });

    it("is a child of a component after which it is named", () => {
      for (const resource of resources.filter(
        ({ custom, type }) => custom && !type.startsWith("pulumi:"),
      )) {
        const parent = parentName(resource);
        assert.ok(
          resource.name === parent || resource.name.startsWith(`${parent}-`),
          `${resource.type} ${resource.name} under "${parent}"`,
        );
      }
    });

    it("uses the provider of the stage's context, never a default provider", () => {
      for (const { type, name, provider } of resources.filter((r) =>
        r.type.startsWith("kubernetes:"),
      ))
        assert.equal(
          urnName(provider.slice(0, provider.lastIndexOf("::"))),
          "cluster",
          `${type} ${name}`,
        );
      assert.deepEqual(JSON.parse(stageConfig(stage)["pulumi:disable-default-providers"]!), [
        "kubernetes",
      ]);
    });

    it("is in the stage's namespace", () => {
      for (const { type, name, inputs } of resources.filter((r) =>
        r.type.startsWith("kubernetes:"),
      ))
        if (!type.endsWith(":Namespace"))
          assert.equal(inputs.metadata.namespace, `todo-app-${stage}`, `${type} ${name}`);
    });

    it("runs the app's images by digest, and others by a fixed tag", () => {
      for (const pod of pods)
        for (const { image, imagePullPolicy } of podTemplate(pod).spec.containers) {
          const own = image.includes("todo-app/");
          assert.match(
            image,
            own ? /@sha256:[0-9a-f]{64}$/ : /(:(?!latest$)[^:/]+|@sha256:[0-9a-f]{64})$/,
          );
          if (own) assert.equal(imagePullPolicy, "IfNotPresent");
        }
    });

    it("selects its own pods and no others", () => {
      for (const pod of ofKind("Deployment", "StatefulSet")) {
        const { matchLabels } = pod.inputs.spec.selector;
        const matching = pods.filter((other) =>
          Object.entries(matchLabels).every(
            ([key, value]) => podTemplate(other).metadata.labels[key] === value,
          ),
        );
        assert.deepEqual(
          matching.map(({ name }) => name),
          [pod.name],
        );
        const service = ofKind("Service").find(({ name }) => name === pod.name);
        assert.deepEqual(service?.inputs.spec.selector, matchLabels);
      }
    });

    it("meets the restricted Pod Security Standard", () => {
      for (const pod of pods) {
        const { spec } = podTemplate(pod);
        assert.equal(spec.automountServiceAccountToken, false, pod.name);
        assert.equal(spec.securityContext.runAsNonRoot, true, pod.name);
        assert.ok(spec.securityContext.runAsUser >= 999, pod.name);
        assert.deepEqual(spec.securityContext.seccompProfile, { type: "RuntimeDefault" });
        assert.equal(spec.hostNetwork ?? spec.hostPID ?? spec.hostIPC, undefined);
        for (const { securityContext } of spec.containers)
          assert.deepEqual(securityContext, {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            privileged: false,
            readOnlyRootFilesystem: true,
          });
        for (const volume of spec.volumes) assert.equal(volume.hostPath, undefined);
      }
      const labels = ofKind("Namespace")[0]!.inputs.metadata.labels;
      assert.equal(labels["pod-security.kubernetes.io/enforce"], "restricted");
      assert.match(labels["pod-security.kubernetes.io/enforce-version"], /^v1\.\d+$/);
    });

    it("leaves replicas to the HorizontalPodAutoscaler exactly if there is one", () => {
      const scaled = ofKind("HorizontalPodAutoscaler").map(
        ({ inputs }) => inputs.spec.scaleTargetRef.name,
      );
      for (const deployment of ofKind("Deployment")) {
        const expected = scaled.includes(deployment.inputs.metadata.name) ? ["spec.replicas"] : [];
        assert.deepEqual(deployment.ignoreChanges, expected, deployment.name);
      }
      assert.equal(scaled.length, stage === "dev" ? 0 : 2);
    });

    it("fits the quota, even in a rollout of every workload at its largest scale", () => {
      const hard = ofKind("ResourceQuota")[0]!.inputs.spec.hard;
      const peak = { pods: 0, cpu: 0, memory: 0, limit: 0 };
      for (const pod of pods) {
        const autoscaler = ofKind("HorizontalPodAutoscaler").find(({ name }) => name === pod.name);
        const replicas = autoscaler?.inputs.spec.maxReplicas ?? pod.inputs.spec.replicas ?? 1;
        const count = kindOf(pod) === "Deployment" ? 2 * replicas : 1;
        peak.pods += count;
        for (const { resources: needs } of podTemplate(pod).spec.containers) {
          peak.cpu += count * cpuMillicores(needs.requests.cpu);
          peak.memory += count * memoryBytes(needs.requests.memory);
          peak.limit += count * memoryBytes(needs.limits.memory);
        }
      }
      assert.ok(Number(hard.pods) >= peak.pods);
      assert.ok(cpuMillicores(hard["requests.cpu"]) >= peak.cpu);
      assert.ok(memoryBytes(hard["requests.memory"]) >= peak.memory);
      assert.ok(memoryBytes(hard["limits.memory"]) >= peak.limit);
    });

    it("lets nodes be drained: a PodDisruptionBudget never forbids every eviction", () => {
      for (const deployment of ofKind("Deployment")) {
        const budget = ofKind("PodDisruptionBudget").find(({ name }) => name === deployment.name);
        assert.equal(budget?.inputs.spec.maxUnavailable, 1);
        assert.deepEqual(budget.inputs.spec.selector, deployment.inputs.spec.selector);
      }
    });

    it("is protected exactly if its removal would lose data", () => {
      // A protected resource cannot be replaced either, so a protected password could not be rotated.
      const isProtected = resources.filter(({ protect }) => protect).map(kindOf);
      const holding = { dev: ["PersistentVolumeClaim"], staging: [], production: ["Namespace"] };
      assert.deepEqual(isProtected, holding[stage]);
      const retained = resources.filter(({ retainOnDelete }) => retainOnDelete).map(kindOf);
      assert.deepEqual(retained, isProtected);
    });

    it("has a ServiceAccount per workload, and mounts no token for the API", () => {
      const accounts = ofKind("ServiceAccount");
      for (const pod of pods) {
        const { serviceAccountName } = podTemplate(pod).spec;
        const account = accounts.find(({ name }) => name === pod.name);
        assert.equal(account?.inputs.metadata.name, serviceAccountName, pod.name);
      }
      for (const { inputs } of accounts) assert.equal(inputs.automountServiceAccountToken, false);
      assert.deepEqual(ofKind("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), []);
    });

    it("passes secrets as files, never as variables", () => {
      for (const pod of pods)
        for (const { env = [], envFrom = [], volumeMounts } of podTemplate(pod).spec.containers) {
          for (const { secretRef } of envFrom) assert.equal(secretRef, undefined, pod.name);
          for (const { valueFrom } of env) assert.equal(valueFrom?.secretKeyRef, undefined);
          const files = env.filter(({ name }: any) => name.endsWith("_FILE"));
          assert.ok(files.length >= 1, pod.name);
          const mount = volumeMounts.find(({ name }: any) => name === "secrets");
          for (const { value } of files) assert.ok(value.startsWith(`${mount.mountPath}/`));
        }
    });

    it("keeps secrets inside Secret objects and marked as secret", () => {
      const canaries = [...Object.values(GIVEN_SECRETS), "generated-"];
      for (const resource of resources) {
        const clear = JSON.stringify(resource.inputs, (_, value) =>
          isSecret(value) ? undefined : value,
        );
        for (const canary of canaries)
          assert.ok(!clear.includes(canary), `${resource.type} ${resource.name} shows a secret`);
      }
    });

    it("allows exactly the network edges that the app needs", () => {
      const edges = ofKind("NetworkPolicy").flatMap(({ inputs: { spec } }) => {
        const self = spec.podSelector.matchLabels?.["app.kubernetes.io/name"] ?? "solver";
        const peer = (p: any) =>
          p.podSelector?.matchLabels["app.kubernetes.io/name"] ??
          p.namespaceSelector?.matchLabels["kubernetes.io/metadata.name"] ??
          p.ipBlock?.cidr ??
          "solver";
        const ports = (rule: any) => rule.ports.map((p: any) => p.port).join(",");
        return [
          ...(spec.ingress ?? []).map(
            (rule: any) => `${peer(rule.from[0])} > ${self}:${ports(rule)}`,
          ),
          ...(spec.egress ?? []).map((rule: any) => `${self} > ${peer(rule.to[0])}:${ports(rule)}`),
        ];
      });
      const dns = (name: string) => [
        `${name} > kube-system:53,53`,
        `${name} > openshift-dns:5353,5353`,
      ];
      const controller = stage === "dev" ? "ingress-nginx" : "traefik";
      const inCluster = ["backend", "frontend", "migration"].map(
        (name) => `${name} > postgres:5432`,
      );
      assert.deepEqual(
        [...new Set(edges)].sort(),
        [
          ...["backend", "frontend", "migration"].flatMap(dns),
          "frontend > backend:8000",
          "frontend > frontend:3000",
          `${controller} > backend:8000`,
          `${controller} > frontend:3000`,
          ...(stage === "dev"
            ? inCluster
            : [
                "backend > 0.0.0.0/0:443",
                "backend > 0.0.0.0/0:6432",
                "frontend > 0.0.0.0/0:6432",
                `${controller} > solver:8089`,
                "migration > 0.0.0.0/0:6432",
              ]),
        ].sort(),
      );
    });
  });
}
