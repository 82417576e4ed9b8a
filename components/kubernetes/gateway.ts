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

/** `spec` of an HTTPRoute from a listener of a Gateway to the Services. */
export function httpRouteSpec(
  gateway: string,
  host: string,
  paths: RoutePaths,
  listener: Listener,
) {
  return {
    ...attached(gateway, host, listener),
    rules: Object.entries(paths).map(([path, { workload, port }]) => ({
      matches: [{ path: { type: "PathPrefix", value: path } }],
      backendRefs: [{ group: "", kind: "Service", name: workload, port, weight: 1 }],
    })),
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
