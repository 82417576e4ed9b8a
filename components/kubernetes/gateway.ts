/** Specs of Gateway API objects (gateway.networking.k8s.io/v1). */
import type { WorkloadPeer } from "./network.ts";

/**
 * The Service of each path prefix. A prefix matches whole path elements: `/api` matches `/api/tasks`, but not `/apis`.
 */
export type RoutePaths = Readonly<Record<string, WorkloadPeer>>;

type Listener = "http" | "https";

/**
 * `spec` of a Gateway that serves one host only and accepts routes of its own namespace only. If `secretName` is given,
 * it also serves HTTPS with the certificate in that Secret.
 */
export function gatewaySpec(className: string, host: string, secretName?: string) {
  const listener = (name: Listener, port: number, extra: object = {}) => ({
    name,
    hostname: host,
    port,
    protocol: name.toUpperCase(),
    allowedRoutes: { namespaces: { from: "Same" } },
    ...extra,
  });
  const certificateRefs = [{ group: "", kind: "Secret", name: secretName }];
  return {
    gatewayClassName: className,
    listeners: [
      listener("http", 80),
      ...(secretName
        ? [listener("https", 443, { tls: { mode: "Terminate", certificateRefs } })]
        : []),
    ],
  };
}

const attached = (gateway: string, host: string, sectionName: Listener) => ({
  parentRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: gateway, sectionName }],
  hostnames: [host],
});

/** The Services that serve a share of the requests beside those of the paths. */
export interface WeightedServices {
  /** Share of the requests, in %. */
  readonly weight: number;
  /** The Service beside one of the paths. */
  readonly beside: (service: WorkloadPeer) => WorkloadPeer;
  /** A header whose exact value sends a request there in any case. */
  readonly header: { readonly name: string; readonly value: string };
}

const backendRef = ({ workload: name, port }: WorkloadPeer, weight: number) => ({
  group: "",
  kind: "Service",
  name,
  port,
  weight,
});

/**
 * `spec` of an HTTPRoute from a listener of a Gateway to the Services. Of two rules with the same path, the one that also matches
 * a header comes first, whatever their order.
 */
export function httpRouteSpec(
  gateway: string,
  host: string,
  paths: RoutePaths,
  listener: Listener,
  canary?: WeightedServices,
) {
  return {
    ...attached(gateway, host, listener),
    rules: Object.entries(paths).flatMap(([value, service]) => {
      const path = { type: "PathPrefix", value };
      if (!canary) return [{ matches: [{ path }], backendRefs: [backendRef(service, 1)] }];
      const { weight, beside, header } = canary;
      const other = beside(service);
      return [
        {
          matches: [{ path, headers: [{ type: "Exact", ...header }] }],
          backendRefs: [backendRef(other, 1)],
        },
        {
          matches: [{ path }],
          backendRefs: [backendRef(service, 100 - weight), backendRef(other, weight)],
        },
      ];
    }),
  };
}

/** `spec` of an HTTPRoute that redirects every HTTP request to HTTPS. */
export function redirectSpec(gateway: string, host: string) {
  const requestRedirect = { scheme: "https", statusCode: 301 };
  return {
    ...attached(gateway, host, "http"),
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: "/" } }],
        filters: [{ type: "RequestRedirect", requestRedirect }],
      },
    ],
  };
}
