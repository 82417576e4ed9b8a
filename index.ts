/** The story of one deploy: configuration, namespace, secrets, database, images, migration, address, services. */
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { AppNamespace } from "./components/appNamespace.ts";
import { AppSecrets } from "./components/appSecrets.ts";
import { ContainerImage } from "./components/containerImage.ts";
import { inNamespace, workload } from "./components/kubernetes/network.ts";
import { Migration } from "./components/migration.ts";
import { Postgres } from "./components/postgres.ts";
import { PublicRoute, fromProxies } from "./components/publicRoute.ts";
import { PullSecret } from "./components/pullSecret.ts";
import { METRICS_PORT, WebService } from "./components/webService.ts";
import { loadConfig } from "./config/load.ts";

const config = loadConfig();
const [backendPort, frontendPort] = [8000, 3000];
const userId = 10001; // of both images, set in their Dockerfiles

// An empty `kubeconfig` keeps the value of $KUBECONFIG, a path of this machine, out of the state; the file is still read. The
// provider then knows no cluster to compare either, so that it never replaces all objects because the context leads elsewhere.
const provider = new k8s.Provider("cluster", {
  kubeconfig: "",
  context: config.kubernetesContext,
  enableServerSideApply: true,
});
const onCluster = { providers: { kubernetes: provider } };

const { protectResources: protect, placement, priorityClassName, rolloutTimeoutSeconds } = config;
const namespaceArgs = { namespace: config.namespace, quota: config.quota, protect };
const { namespace } = new AppNamespace("app", namespaceArgs, onCluster);

const { secretVersions: versions, databaseUrl, openaiApiKey } = config;
const { mode: databaseMode, caCertificate: databaseCa } = config.database;
const secretsArgs = { namespace, versions, databaseMode, databaseUrl, databaseCa, openaiApiKey };
const secrets = new AppSecrets("secrets", secretsArgs, onCluster);

const { registryLogin: login, pullSecretName } = config;
const pullSecret = login
  ? new PullSecret("pull-secret", { namespace, ...login }, onCluster).secretName
  : pullSecretName;

const shared = {
  namespace,
  userId,
  placement,
  priorityClassName,
  pullSecret,
  rolloutTimeoutSeconds,
};
const callers = ["backend", "frontend", "migration"];
const forDatabase = { secrets: secrets.postgres, appRole: secrets.appRole, callers };
const databaseArgs = { ...shared, ...config.database, ...forDatabase };
const database = new Postgres("postgres", databaseArgs, onCluster);

const backendImage = new ContainerImage("backend-image", config.images.backend);
const frontendImage = new ContainerImage("frontend-image", config.images.frontend);

const command = ["python", "-m", "app.migrate"];
const migrationArgs = {
  ...shared,
  command,
  image: backendImage,
  secrets: secrets.migration,
  database: database.peer,
};
const migration = new Migration("migration", migrationArgs, { ...onCluster, dependsOn: database });

const { llm, tracing, host, publicUrl, tls, route } = config;
const paths = [
  { path: "/api/auth", service: "frontend", port: frontendPort },
  { path: "/api", service: "backend", port: backendPort },
  { path: "/", service: "frontend", port: frontendPort },
];
const routeArgs = { namespace, host, publicUrl, paths, tls, route, rolloutTimeoutSeconds };
const publicRoute = new PublicRoute("route", routeArgs, onCluster);
// With TLS, new pods lead whoever comes by HTTP to HTTPS: until that is served, the old ones stay.
const beforePods = tls ? [migration, publicRoute] : [migration];

const settings = {
  ENVIRONMENT: config.stage,
  FRONTEND_URL: publicUrl,
  ...config.httpsSettings,
  ...tracing.settings,
};
const { namespace: scraper } = config.monitoring;
const fromOutside = (port: number) => [
  ...fromProxies(route, port),
  ...(scraper ? [inNamespace(scraper, METRICS_PORT)] : []),
];
const backendArgs = {
  ...shared,
  ...config.backend,
  image: backendImage,
  port: backendPort,
  settings: { ...settings, ...llm.settings },
  secrets: secrets.backend,
  writablePaths: ["/tmp"],
  callers: [...fromOutside(backendPort), workload("frontend", backendPort)],
  callees: [database.peer, ...llm.callees, ...tracing.callees],
};
const backend = new WebService("backend", backendArgs, { ...onCluster, dependsOn: beforePods });

const frontendArgs = {
  ...shared,
  ...config.frontend,
  image: frontendImage,
  port: frontendPort,
  settings: {
    ...settings,
    BACKEND_URL: `http://backend:${backendPort}`,
    CLIENT_IP_HEADER: route.clientIpHeader,
    TRUSTED_PROXIES: String(route.trustedProxies),
    // While a rollout has two versions live, a pod asks the others for the scripts of a page that is not its own.
    PEER_URL: `http://frontend-peers:${frontendPort}`,
  },
  secrets: secrets.frontend,
  writablePaths: ["/tmp", "/app/.next/cache"],
  callers: fromOutside(frontendPort),
  callees: [workload("backend", backendPort), database.peer, ...tracing.callees],
  peers: true,
};
// The API first: a new page never meets an old API, nor one that does not know a rotated secret yet.
const frontend = new WebService("frontend", frontendArgs, { ...onCluster, dependsOn: backend });

/** Where the app is reached. */
export const url = pulumi.all([publicRoute.url, frontend.service]).apply(([address]) => address);
/** Identity of the cluster: uid of its namespace kube-system, by which `make up` notices that another one is meant. */
export const cluster = k8s.core.v1.Namespace.get("kube-system", "kube-system", { provider })
  .metadata.uid;
/** What runs, by digest. */
export const images = { backend: backendImage.reference, frontend: frontendImage.reference };
