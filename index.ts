/** The story of one deploy: configuration, namespace, secrets, database, images, migration, services, address. */
import * as k8s from "@pulumi/kubernetes";
import { AppNamespace } from "./components/appNamespace.ts";
import { AppSecrets } from "./components/appSecrets.ts";
import { ContainerImage } from "./components/containerImage.ts";
import { ingressController, workload } from "./components/kubernetes/network.ts";
import { peakBudget } from "./components/kubernetes/resources.ts";
import { Migration, MIGRATION_RESOURCES } from "./components/migration.ts";
import { Postgres } from "./components/postgres.ts";
import { PublicRoute, publicUrl } from "./components/publicRoute.ts";
import { WebService } from "./components/webService.ts";
import { loadConfig } from "./config.ts";

const config = loadConfig();
const [backendPort, frontendPort] = [8000, 3000];
const userId = 10001; // of both images, set in their Dockerfiles

const context = config.kubernetesContext;
const cluster = new k8s.Provider("cluster", { context, enableServerSideApply: true });
const onCluster = { providers: { kubernetes: cluster } };

const budgets = [
  peakBudget(config.backend),
  peakBudget(config.frontend),
  { pods: 1, resources: config.database.resources },
  { pods: 1, resources: MIGRATION_RESOURCES },
];
const { protectResources: protect, placement, rolloutTimeoutSeconds } = config;
const namespaceArgs = { namespace: config.namespace, budgets, protect };
const { namespace } = new AppNamespace("app", namespaceArgs, onCluster);

const { secretVersions: versions, databaseUrl, openaiApiKey } = config;
const secretsArgs = { namespace, versions, databaseUrl, openaiApiKey };
const secrets = new AppSecrets("secrets", secretsArgs, onCluster);

const shared = { namespace, userId, placement, rolloutTimeoutSeconds };
const callers = ["backend", "frontend", "migration"];
const secretName = secrets.postgres;
const databaseArgs = { ...shared, ...config.database, secretName, callers, protect };
const database = new Postgres("postgres", databaseArgs, onCluster);

const backendImage = new ContainerImage("backend-image", config.images.backend);
const frontendImage = new ContainerImage("frontend-image", config.images.frontend);

const command = ["python", "-m", "app.migrate"];
const migrationArgs = {
  ...shared,
  command,
  image: backendImage,
  secretName: secrets.migration,
  database: database.peer,
};
const migration = new Migration("migration", migrationArgs, { ...onCluster, dependsOn: database });

const { llm, tracing, host, tls, ingress } = config;
const settings = {
  ENVIRONMENT: config.stage,
  FRONTEND_URL: publicUrl(host, tls),
  ...tracing.settings,
};
const fromIngress = (port: number) => ingressController(ingress.namespace, port);
const backendArgs = {
  ...shared,
  ...config.backend,
  image: backendImage,
  port: backendPort,
  settings: { ...settings, ...llm.settings },
  secretName: secrets.backend,
  writablePaths: ["/tmp"],
  callers: [fromIngress(backendPort), workload("frontend", backendPort)],
  callees: [database.peer, ...llm.callees, ...tracing.callees],
};
const backend = new WebService("backend", backendArgs, { ...onCluster, dependsOn: migration });

const frontendArgs = {
  ...shared,
  ...config.frontend,
  image: frontendImage,
  port: frontendPort,
  settings: {
    ...settings,
    BACKEND_URL: `http://backend:${backendPort}`,
    // While a rollout has two versions live, a pod asks the others for the scripts of a page that is not its own.
    PEER_URL: `http://frontend-peers:${frontendPort}`,
  },
  secretName: secrets.frontend,
  writablePaths: ["/tmp", "/app/.next/cache"],
  callers: [fromIngress(frontendPort)],
  callees: [workload("backend", backendPort), database.peer, ...tracing.callees],
  peers: true,
};
// The API first: a new page never meets an old API, nor one that does not know a rotated secret yet.
const frontend = new WebService("frontend", frontendArgs, { ...onCluster, dependsOn: backend });

const paths = [
  { path: "/api/auth", service: frontend.service, port: frontendPort },
  { path: "/api", service: backend.service, port: backendPort },
  { path: "/", service: frontend.service, port: frontendPort },
];
const routeArgs = { namespace, host, paths, tls, ingress, rolloutTimeoutSeconds };
const route = new PublicRoute("route", routeArgs, onCluster);

/** Where the app is reached. */
export const url = route.url;
/** What runs, by digest. */
export const images = { backend: backendImage.reference, frontend: frontendImage.reference };
