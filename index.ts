/** The story of one deploy: configuration, namespace, secrets, database, images, migration, services, address. */
import * as k8s from "@pulumi/kubernetes";
import { AppNamespace } from "./components/appNamespace.ts";
import { AppSecrets } from "./components/appSecrets.ts";
import { ContainerImage } from "./components/containerImage.ts";
import { inNamespace, workload } from "./components/kubernetes/network.ts";
import { databaseBudget, peakBudget } from "./components/kubernetes/resources.ts";
import { Migration, MIGRATION_RESOURCES } from "./components/migration.ts";
import { Postgres } from "./components/postgres.ts";
import { PublicRoute, publicUrl } from "./components/publicRoute.ts";
import { WebService } from "./components/webService.ts";
import { loadConfig } from "./config.ts";

const config = loadConfig();
const [backendPort, frontendPort] = [8000, 3000];
const userId = 10001; // of both images, set in their Dockerfiles

// An empty `kubeconfig` keeps the value of $KUBECONFIG, a path of this machine, out of the state; the file is still read.
const provider = new k8s.Provider("cluster", {
  kubeconfig: "",
  context: config.kubernetesContext,
  enableServerSideApply: true,
});
const onCluster = { providers: { kubernetes: provider } };

const budgets = [
  peakBudget(config.backend),
  peakBudget(config.frontend),
  databaseBudget(config.database),
  { pods: 1, resources: MIGRATION_RESOURCES },
];
const { protectResources: protect, placement, priorityClassName, rolloutTimeoutSeconds } = config;
const namespaceArgs = { namespace: config.namespace, budgets, protect };
const { namespace } = new AppNamespace("app", namespaceArgs, onCluster);

const { secretVersions: versions, databaseUrl, openaiApiKey } = config;
const { mode: databaseMode, caCertificate: databaseCa } = config.database;
const secretsArgs = { namespace, versions, databaseMode, databaseUrl, databaseCa, openaiApiKey };
const secrets = new AppSecrets("secrets", secretsArgs, onCluster);

const shared = { namespace, userId, placement, priorityClassName, rolloutTimeoutSeconds };
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

const { llm, tracing, host, tls, route } = config;
const settings = {
  ENVIRONMENT: config.stage,
  FRONTEND_URL: publicUrl(host, tls),
  ...config.tlsSettings,
  ...tracing.settings,
};
const fromIngress = (port: number) => inNamespace(route.namespace, port);
const backendArgs = {
  ...shared,
  ...config.backend,
  image: backendImage,
  port: backendPort,
  settings: { ...settings, ...llm.settings },
  secrets: secrets.backend,
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
  secrets: secrets.frontend,
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
const routeArgs = { namespace, host, paths, tls, route, rolloutTimeoutSeconds };
/** Where the app is reached. */
export const { url } = new PublicRoute("route", routeArgs, onCluster);
/** Identity of the cluster: uid of its namespace kube-system, by which `make up` notices that another one is meant. */
export const cluster = k8s.core.v1.Namespace.get("kube-system", "kube-system", { provider })
  .metadata.uid;
/** What runs, by digest. */
export const images = { backend: backendImage.reference, frontend: frontendImage.reference };
