/** Arguments of a route, as a stage gives them. */
import type { PublicRouteArgs } from "../../../components/publicRoute.ts";

export const ingress: PublicRouteArgs["route"] = {
  kind: "ingress",
  className: "nginx",
  namespace: "ingress-nginx",
  proxies: "controller-namespace",
  sourceRanges: [],
  waitForAddress: true,
};

export const acme = {
  issuer: "letsencrypt-staging",
  server: "https://acme.example.com/directory",
  email: "ops@todo-app.com",
  renewBeforePercentage: 33,
} as const;
