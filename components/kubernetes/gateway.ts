/** Specs of Gateway API objects (gateway.networking.k8s.io/v1). */
import type { WorkloadPeer } from "./network.ts";

/** Where requests go: a Service, by the prefix of the path. Whole path elements count: `/api` covers `/api/tasks`, not `/apis`. */
export type RoutePaths = Readonly<Record<string, WorkloadPeer>>;

type Listener = "http" | "https";

/** A Gateway for one host alone, which takes routes of its own namespace; HTTPS with the certificate of `secretName`. */
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

/** An HTTPRoute from a Gateway's listener to the services. */
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

/** An HTTPRoute that sends everything on HTTP to HTTPS. */
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
