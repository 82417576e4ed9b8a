/** Faults of the network, of the route and of its certificate. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { certificate } from "../../../unit/support/certificate.ts";
import { eventually } from "../shell.ts";
import {
  all,
  changed,
  created,
  file,
  kubectl,
  metadata,
  patched,
  replace,
  scaledIn,
  stateFolder,
  type Fault,
} from "./fault.ts";

const denying = (direction: "Ingress" | "Egress", namespace: string, podSelector: object) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "doctor", namespace },
  spec: { podSelector, policyTypes: [direction] },
});

const createdIn =
  (namespace: string, object: object): Fault["cause"] =>
  async (undo) => {
    const path = file(object);
    undo(() => kubectl(`delete --filename ${path} --ignore-not-found`, namespace));
    await kubectl(`create --filename ${path}`, namespace);
  };

export const NETWORK_FAULTS: readonly Fault[] = [
  {
    name: "a NetworkPolicy that lost the way to the database",
    rule: "policy-changed",
    says: /NetworkPolicy backend/,
    quick: true,
    cause: patched("networkpolicy/backend", replace("/spec/egress", [])),
  },
  {
    name: "a NetworkPolicy that is gone",
    rule: "policy-changed",
    says: /gone/,
    cause: changed("networkpolicy/frontend", "delete networkpolicy/frontend"),
  },
  {
    name: "a foreign policy that cuts off the name service",
    rule: "policy-around",
    says: /name service/,
    cause: createdIn(
      "kube-system",
      denying("Ingress", "kube-system", { matchLabels: { "k8s-app": "kube-dns" } }),
    ),
  },
  {
    name: "a foreign policy that cuts off the ingress controller",
    rule: "policy-around",
    says: /proxies/,
    cause: createdIn("ingress-nginx", denying("Egress", "ingress-nginx", {})),
  },
  {
    name: "a Service whose selector selects nothing",
    rule: "service-without-endpoints",
    says: /spec\.selector/,
    cause: patched(
      "service/backend",
      replace("/spec/selector/app.kubernetes.io~1name", "no-such-name"),
    ),
  },
  {
    name: "an object that was deleted",
    rule: "object-gone",
    says: /PodDisruptionBudget frontend/,
    cause: changed("poddisruptionbudget/frontend", "delete poddisruptionbudget/frontend"),
  },
];

const ISSUER = { name: "doctor", kind: "Issuer", group: "cert-manager.io" };

/** An issuer for a host that nobody can reach, and a certificate of it. */
const issuer = () => ({
  apiVersion: "cert-manager.io/v1",
  kind: "Issuer",
  metadata: metadata("doctor"),
  spec: {
    acme: {
      server: "https://10.245.0.1:14000/dir",
      email: "ops@todo-app.com",
      caBundle: readFileSync(join(stateFolder(), "acme-ca.pem")).toString("base64"),
      privateKeySecretRef: { name: "doctor-account" },
      solvers: [{ http01: { ingress: { ingressClassName: "nginx" } } }],
    },
  },
});
const wanted = (name = ISSUER.name) => ({
  apiVersion: "cert-manager.io/v1",
  kind: "Certificate",
  metadata: metadata("doctor"),
  spec: {
    secretName: "doctor-tls",
    dnsNames: ["doctor.invalid"],
    issuerRef: { ...ISSUER, name },
  },
});

/** What cert-manager makes of them goes with the Certificate, but for the Secrets. */
const withoutLeftovers = (cause: Fault["cause"]): Fault["cause"] =>
  all((undo) => {
    undo(() => kubectl("delete secret doctor-account doctor-tls --ignore-not-found"));
    undo(() =>
      eventually(60, async () => {
        const left = await kubectl("get orders,challenges --output name");
        if (left) throw new Error(`still there: ${left}`);
      }),
    );
    return Promise.resolve();
  }, cause);

/** A certificate that has ended half an hour ago, in the Secret that the Certificate names. */
const expired = () => {
  const { pem, privateKey } = certificate("doctor.invalid", {
    host: "doctor.invalid",
    days: -1 / 48,
  });
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: metadata("doctor-tls", {
      annotations: {
        "cert-manager.io/certificate-name": "doctor",
        "cert-manager.io/issuer-name": ISSUER.name,
        "cert-manager.io/issuer-kind": ISSUER.kind,
        "cert-manager.io/issuer-group": ISSUER.group,
      },
    }),
    stringData: {
      "tls.crt": pem,
      "tls.key": privateKey.export({ type: "pkcs8", format: "pem" }),
    },
  };
};

export const ROUTE_FAULTS: readonly Fault[] = [
  {
    name: "a challenge that can't be met",
    rule: "certificate-not-issued",
    says: /challenge for doctor\.invalid/,
    cause: withoutLeftovers((undo) => created(issuer(), wanted())(undo)),
  },
  {
    name: "a certificate that has expired",
    rule: "certificate-expired",
    cause: withoutLeftovers((undo) => created(expired(), issuer(), wanted())(undo)),
  },
  {
    name: "a certificate whose issuer does not exist",
    rule: "issuer-not-ready",
    says: /no Issuer no-such-issuer/,
    cause: withoutLeftovers(created(wanted("no-such-issuer"))),
  },
  {
    name: "an IngressClass that is gone",
    rule: "cluster-lacks",
    says: /IngressClass "nginx"/,
    cause: changed("ingressclass/nginx", "delete ingressclass/nginx"),
  },
  {
    name: "an ingress controller that is down",
    rule: "controller-down",
    cause: scaledIn("ingress-nginx", "traefik"),
  },
  {
    name: "a Gateway with a listener that its controller can't serve",
    rule: "gateway-not-programmed",
    cause: created({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: metadata("doctor"),
      spec: {
        gatewayClassName: "traefik",
        listeners: [{ name: "http", port: 9999, protocol: "HTTP", hostname: "doctor.invalid" }],
      },
    }),
  },
  {
    name: "a host that leads elsewhere than the ingress",
    rule: "host-elsewhere",
    says: /203\.0\.113\.7/,
    cause: async (undo) => {
      const patch = (ip: string) =>
        kubectl(
          `patch service traefik --subresource status --type merge --patch '{"status":{"loadBalancer":{"ingress":[{"ip":"${ip}"}]}}}'`,
          "ingress-nginx",
        );
      const before = await kubectl(
        "get service traefik --output jsonpath='{.status.loadBalancer.ingress[0].ip}'",
        "ingress-nginx",
      );
      undo(() => patch(before));
      await patch("203.0.113.7");
    },
  },
];
