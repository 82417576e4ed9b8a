/** What leads users to the stage: controller, class, certificate, address, name. */
import type { Found, Rule } from "../finding.ts";
import { conditionText, isTrue, nameOf, statusOf, type LiveObject } from "../objects.ts";
import { find, isHidden, kubectlOf, ofKind, parseTime, type Snapshot } from "../snapshot.ts";

/** cert-manager renews long before this. */
const RENEWED_LATE_MS = 24 * 3_600_000;
const NO_ROUTE = [
  "route-without-address",
  "gateway-not-programmed",
  "certificate-not-issued",
  "host-elsewhere",
];

/** The pods of the controller that serves the route. */
function controllerDown(snapshot: Snapshot): readonly Found[] {
  const { config, around } = snapshot;
  if (!config) return [];
  const { namespace, className } = config.route;
  const here = (kind: string) =>
    ofKind(around, kind).filter(({ metadata }) => metadata.namespace === namespace);
  const deployments = here("Deployment");
  const isServing = here("Pod").some((pod) => isTrue(pod, "Ready"));
  if (isServing || !find(around, "Namespace", namespace)) return [];
  if (isHidden(snapshot, "pods", namespace)) return [];
  const stopped = deployments.find(({ spec }) => spec?.replicas === 0);
  return [
    {
      about: deployments.map(nameOf),
      problem: `the controller that serves the route (${className}) is down`,
      evidence: [
        `no pod in namespace ${namespace} is ready`,
        ...deployments.map(
          ({ metadata, spec, status }) =>
            `Deployment ${metadata.name} has ${status?.readyReplicas ?? 0} ready of ${spec?.replicas} pods`,
        ),
      ],
      cause: stopped
        ? "it was scaled to 0"
        : "its pods do not run, or run elsewhere than todo-app:route.namespace says",
      fix: stopped
        ? `${kubectlOf(snapshot, false)} --namespace ${namespace} scale deployment/${stopped.metadata.name} --replicas 1`
        : `${kubectlOf(snapshot, false)} --namespace ${namespace} get pods`,
    },
  ];
}

function issuers(snapshot: Snapshot): readonly Found[] {
  const { objects, around, stage } = snapshot;
  return ofKind(objects, "Certificate").flatMap((certificate): Found[] => {
    const { kind = "Issuer", name = "" } = certificate.spec?.issuerRef ?? {};
    const issuer = find(kind === "ClusterIssuer" ? around : objects, kind, name);
    if (issuer && isTrue(issuer, "Ready")) return [];
    const ready = issuer && statusOf(issuer, "Ready");
    if (issuer && !ready) return []; // it was created a moment ago
    return [
      {
        about: [`${kind}/${name}`, nameOf(certificate)],
        problem: issuer ? `${kind} ${name} is not ready` : `there is no ${kind} ${name}`,
        evidence: ready
          ? [conditionText(ready)]
          : [`Certificate ${certificate.metadata.name} names it`],
        cause: issuer
          ? "the authority does not accept its account, or can't be reached"
          : "somebody has deleted it; no certificate can be issued or renewed",
        fix: issuer
          ? `${kubectlOf(snapshot)} describe ${kind.toLowerCase()} ${name}`
          : `make heal STAGE=${stage} creates it again`,
      },
    ];
  });
}

/** Orders and challenges that failed, or that wait for something. */
function acmeEvidence(objects: readonly LiveObject[]): readonly string[] {
  const challenges = ofKind(objects, "Challenge")
    .filter(({ status }) => status?.state !== "valid")
    .map(
      ({ spec, status }) =>
        `challenge for ${spec?.dnsName}: ${status?.state ?? "pending"}${status?.reason ? `: ${status.reason}` : ""}`,
    );
  const orders = ofKind(objects, "Order")
    .filter(({ status }) => /^(invalid|errored|expired)$/.test(status?.state ?? ""))
    .map(
      ({ metadata, status }) => `order ${metadata.name}: ${status?.state}: ${status?.reason ?? ""}`,
    );
  return [...challenges, ...orders];
}

function certificatesExpired(snapshot: Snapshot): readonly Found[] {
  const { objects, now } = snapshot;
  return ofKind(objects, "Certificate").flatMap((certificate): Found[] => {
    const { notAfter, renewalTime } = certificate.status ?? {};
    const isExpired = !!notAfter && parseTime(notAfter) < now;
    const isLate = !!renewalTime && now - parseTime(renewalTime) > RENEWED_LATE_MS;
    if (!isExpired && !isLate) return [];
    const { name } = certificate.metadata;
    const issuing = statusOf(certificate, "Issuing");
    return [
      {
        about: [nameOf(certificate)],
        problem: isExpired
          ? `the certificate ${name} has expired`
          : `the certificate ${name} was not renewed in time`,
        evidence: [
          `valid until ${notAfter}${renewalTime ? `, to be renewed at ${renewalTime}` : ""}`,
          ...(issuing ? [conditionText(issuing)] : []),
          ...acmeEvidence(objects),
        ],
        cause: "cert-manager did not renew it: it is down, or the authority refuses",
        fix: `${kubectlOf(snapshot, false)} --namespace cert-manager get pods; ${kubectlOf(snapshot)} describe certificate ${name}`,
      },
    ];
  });
}

function certificatesNotIssued(snapshot: Snapshot): readonly Found[] {
  const { objects } = snapshot;
  return ofKind(objects, "Certificate").flatMap((certificate): Found[] => {
    const evidence = acmeEvidence(objects);
    const ready = statusOf(certificate, "Ready");
    if (ready?.status !== "False") return [];
    const { name } = certificate.metadata;
    const issuing = statusOf(certificate, "Issuing");
    return [
      {
        about: [nameOf(certificate)],
        problem: `the certificate ${name} is not issued`,
        evidence: [conditionText(ready), ...(issuing ? [conditionText(issuing)] : []), ...evidence],
        cause: evidence.length
          ? "the authority could not check the host: its name must lead to this cluster, on port 80"
          : "cert-manager has not issued it; its log says why",
        fix: `${kubectlOf(snapshot)} describe certificates,certificaterequests,orders,challenges; ${kubectlOf(snapshot, false)} --namespace cert-manager logs deployment/cert-manager --tail 50`,
      },
    ];
  });
}

function gateways(snapshot: Snapshot): readonly Found[] {
  const { objects } = snapshot;
  const refusal = (object: LiveObject, conditions: LiveObject["status"], ...types: string[]) =>
    (conditions?.conditions ?? [])
      .filter(({ type, status }) => types.includes(type) && status !== "True")
      .map((condition) => ({ object, condition }));
  const refused = [
    ...ofKind(objects, "Gateway").flatMap((gateway) =>
      refusal(gateway, gateway.status, "Accepted", "Programmed"),
    ),
    ...ofKind(objects, "HTTPRoute").flatMap((route) =>
      (route.status?.parents ?? []).flatMap((parent) =>
        refusal(route, parent, "Accepted", "ResolvedRefs"),
      ),
    ),
  ];
  return refused.map(({ object, condition }) => ({
    about: [nameOf(object)],
    problem: `${object.kind} ${object.metadata.name} is not served`,
    evidence: [conditionText(condition)],
    cause: "its controller does not accept it, for the reason that it states",
    fix: `${kubectlOf(snapshot)} describe ${nameOf(object).toLowerCase()}; make drift STAGE=${snapshot.stage}`,
  }));
}

/** The addresses that the controller reports for the route. */
const addressesOf = ({ status }: LiveObject): readonly string[] => [
  ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []),
  ...(status?.addresses ?? []).flatMap(({ value }) => value ?? []),
];

function withoutAddress(snapshot: Snapshot): readonly Found[] {
  const { objects, config } = snapshot;
  if (!config?.route.waitForAddress) return [];
  return ofKind(objects, "Ingress", "Gateway")
    .filter((route) => route.metadata.name === "todo-app" && !addressesOf(route).length)
    .map((route) => ({
      about: [nameOf(route)],
      problem: `${route.kind} ${route.metadata.name} has no address`,
      evidence: [],
      cause: `no controller serves its class ${config.route.className}, or its Service has no address`,
      fix: `${kubectlOf(snapshot, false)} --namespace ${config.route.namespace} get services,pods; make preflight STAGE=${snapshot.stage}`,
    }));
}

const isAddress = (text: string) => /^[\d.]+$|:/.test(text);

/**
 * Compares where the name leads with where the route is. They may differ, as with a proxy before the cluster, as long as the
 * app answers.
 */
function hostElsewhere({ host, objects, stage }: Snapshot): readonly Found[] {
  const route = ofKind(objects, "Ingress", "Gateway").find(
    ({ metadata }) => metadata.name === "todo-app",
  );
  const expected = route ? addressesOf(route) : [];
  if (!host || !route || !expected.length || host.answers) return [];
  const isThere = host.addresses.some((address) => expected.includes(address));
  // The name of a load balancer has addresses that change.
  if (host.addresses.length && (isThere || !expected.every(isAddress))) return [];
  return [
    {
      about: [nameOf(route)],
      problem: host.addresses.length
        ? `${host.name} does not lead to the route of ${stage}`
        : `the name ${host.name} is not known`,
      evidence: [
        `here it leads to ${host.addresses.join(", ") || "nothing"}; the ${route.kind} has ${expected.join(", ")}`,
      ],
      cause: host.addresses.length
        ? "the record of the name has another address, or the controller has got a new one"
        : "the name service that this machine asks has no record of it",
      fix: `set the record of ${host.name} to ${expected.join(", ")}, or lead the proxy before the cluster there`,
    },
  ];
}

export const ROUTE_RULES: readonly Rule[] = [
  {
    name: "controller-down",
    knows: "the controller that serves the route does not run",
    explains: NO_ROUTE,
    find: controllerDown,
  },
  {
    name: "issuer-not-ready",
    knows: "the Issuer or ClusterIssuer of the certificate is missing or not ready",
    explains: ["certificate-expired", "certificate-not-issued", "gateway-not-programmed"],
    find: issuers,
  },
  {
    name: "certificate-expired",
    knows: "the certificate has expired, or was not renewed in time",
    explains: ["certificate-not-issued", "gateway-not-programmed"],
    find: certificatesExpired,
  },
  {
    name: "certificate-not-issued",
    knows: "the certificate is not issued: its order or challenge fails or waits",
    explains: ["gateway-not-programmed"],
    find: certificatesNotIssued,
  },
  {
    name: "gateway-not-programmed",
    knows: "the Gateway is not programmed, or an HTTPRoute not accepted",
    explains: ["route-without-address"],
    find: gateways,
  },
  {
    name: "route-without-address",
    knows: "the Ingress or Gateway has no address",
    find: withoutAddress,
  },
  {
    name: "host-elsewhere",
    knows: "the host name is not known, or leads elsewhere than to the route",
    find: hostElsewhere,
  },
];
