/** Specs of Gateway API objects (gateway.networking.k8s.io/v1). */
/** Where the requests below one path go. */
export interface RoutePath {
  /** Prefix, by whole path elements: `/api` covers `/api/tasks`, not `/apis`. */
  readonly path: string;
  /** Name of the Service. */
  readonly service: string;
  readonly port: number;
}

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
  paths: readonly RoutePath[],
  listener: Listener,
) {
  return {
    ...attached(gateway, host, listener),
    rules: paths.map(({ path, service, port }) => ({
      matches: [{ path: { type: "PathPrefix", value: path } }],
      backendRefs: [{ group: "", kind: "Service", name: service, port, weight: 1 }],
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
