/**
 * Pod Security: the cluster accepts the pods as they are, and refuses them if any one field of the profile is changed.
 */
import assert from "node:assert/strict";
import { attempt } from "../support/shell.ts";
import { production } from "./support.ts";

/** Makes one change to a pod's spec; `container` is its only container. */
type Mutation = (spec: any, container: any) => void;

const volume = (source: object): Mutation => {
  return (spec) => void spec.volumes.push({ name: "extra", ...source });
};
const context = (change: object): Mutation => {
  return (_, container) => void Object.assign(container.securityContext, change);
};
const podContext = (change: object): Mutation => {
  return (spec) => void Object.assign(spec.securityContext, change);
};

/** The text of each refusal, and the change that causes it. */
const REFUSED: readonly (readonly [reason: string, mutation: Mutation])[] = [
  ["hostNetwork=true", (spec) => void (spec.hostNetwork = true)],
  ["hostPID=true", (spec) => void (spec.hostPID = true)],
  ["hostIPC=true", (spec) => void (spec.hostIPC = true)],
  ["hostPort", (_, container) => void (container.ports[0].hostPort = 8000)],
  ["privileged=true", context({ privileged: true, allowPrivilegeEscalation: true })],
  ["allowPrivilegeEscalation=false", context({ allowPrivilegeEscalation: true })],
  ["allowPrivilegeEscalation=false", context({ allowPrivilegeEscalation: undefined })],
  ['capabilities.drop=["ALL"]', context({ capabilities: undefined })],
  ['"SYS_ADMIN"', context({ capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } })],
  [
    "procMount",
    (spec, container) => {
      spec.hostUsers = false;
      container.securityContext.procMount = "Unmasked";
    },
  ],
  ["runAsNonRoot=true", podContext({ runAsNonRoot: undefined })],
  ["runAsNonRoot=false", podContext({ runAsNonRoot: false })],
  ["runAsNonRoot=false", context({ runAsNonRoot: false })],
  ["runAsUser=0", podContext({ runAsUser: 0 })],
  ["runAsUser=0", context({ runAsUser: 0 })],
  ["seccompProfile.type", podContext({ seccompProfile: undefined })],
  ["seccompProfile.type", podContext({ seccompProfile: { type: "Unconfined" } })],
  ["seccompProfile.type", context({ seccompProfile: { type: "Unconfined" } })],
  ["AppArmor", podContext({ appArmorProfile: { type: "Unconfined" } })],
  ["AppArmor", context({ appArmorProfile: { type: "Unconfined" } })],
  ["seLinuxOptions", podContext({ seLinuxOptions: { type: "spc_t" } })],
  ["seLinuxOptions", context({ seLinuxOptions: { user: "system_u" } })],
  ["sysctls", podContext({ sysctls: [{ name: "kernel.msgmax", value: "1" }] })],
  [
    "hostProcess",
    (spec) => {
      spec.hostNetwork = true;
      spec.securityContext.windowsOptions = { hostProcess: true };
    },
  ],
  ['"hostPath"', volume({ hostPath: { path: "/etc" } })],
  ['"nfs"', volume({ nfs: { server: "10.0.0.1", path: "/" } })],
  [
    '"iscsi"',
    volume({ iscsi: { targetPortal: "10.0.0.1", iqn: "iqn.2001-04.com.example:x", lun: 0 } }),
  ],
];

for (const workload of ["backend", "frontend"])
  describe(`a pod of production's ${workload}`, () => {
    let template: { metadata: { labels: object }; spec: any };
    before(async () => {
      template = (await production.json(`get deployment ${workload}`)).spec.template;
    });
    const create = (mutate: Mutation) => {
      const spec = structuredClone(template.spec);
      mutate(spec, spec.containers[0]);
      const { labels } = template.metadata;
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "mutated", labels }, spec };
      return attempt(
        `kubectl --context minikube -n ${production.namespace} create --dry-run=server -f - <<'JSON'\n${JSON.stringify(pod)}\nJSON`,
      );
    };

    it("is accepted as it is", async () => {
      const { code, output } = await create(() => {});
      assert.equal(code, 0, output);
      assert.doesNotMatch(output, /violate/);
    });

    it("is refused if any one field of the restricted profile is changed", async () => {
      for (const [reason, mutation] of REFUSED) {
        const { code, output } = await create(mutation);
        assert.notEqual(code, 0, `${reason} was accepted`);
        assert.match(output, /violates PodSecurity "restricted:v1\.\d+"/, reason);
        assert.ok(output.includes(reason), `${reason}: ${output}`);
      }
    });
  });
