/** One deploy, step by step. Each step starts once everything that it needs exists. */
import * as pulumi from "@pulumi/pulumi";
import { AppNamespace } from "./components/appNamespace.ts";
import { AppSecrets } from "./components/appSecrets.ts";
import { clusterIdentity, clusterProvider } from "./components/cluster.ts";
import { ContainerImage } from "./components/containerImage.ts";
import { connectionsOf, workload } from "./components/kubernetes/network.ts";
import { Migration } from "./components/migration.ts";
import { Postgres } from "./components/postgres.ts";
import { PublicRoute, fromProxies } from "./components/publicRoute.ts";
import { PullSecret } from "./components/pullSecret.ts";
import { WebService } from "./components/webService.ts";
import { loadConfig } from "./config/load.ts";

const config = loadConfig();
const { address, databasePeer, llm, quota, tracing, protectResources: protect } = config;
const provider = clusterProvider(config.kubernetesContext);
const onCluster = { providers: { kubernetes: provider } };

const namespaceArgs = { namespace: config.namespace, quota, protect };
const { namespace } = new AppNamespace("app", namespaceArgs, onCluster);
const pullSecret = config.registryLogin
  ? new PullSecret("pull-secret", { namespace, ...config.registryLogin }, onCluster).secretName
  : config.pullSecretName;
const pods = { namespace, pullSecret, ...config.pods };

// Allowed connections. The NetworkPolicies of both ends are derived from them; all others are denied.
const toBackend = workload("backend", 8000);
const toFrontend = workload("frontend", 3000);
const calls = [
  { from: fromProxies(address.route), to: [toBackend, toFrontend] },
  { from: "backend", to: [databasePeer, ...llm.callees, ...tracing.callees] },
  { from: "frontend", to: [toBackend, databasePeer, ...tracing.callees] },
  { from: "migration", to: [databasePeer] },
];

const secrets = new AppSecrets("secrets", { namespace, ...config.secrets }, onCluster);
const postgres = new Postgres(
  "postgres",
  { ...pods, ...config.database, ...secrets.postgres, ...connectionsOf("postgres", calls) },
  onCluster,
);
const backendImage = new ContainerImage("backend-image", config.images.backend);
const frontendImage = new ContainerImage("frontend-image", config.images.frontend);

const migration = new Migration(
  "migration",
  {
    ...pods,
    ...connectionsOf("migration", calls),
    image: backendImage,
    command: ["python", "-m", "app.migrate"],
    secrets: secrets.filesFor("migration", secrets.migration),
  },
  { ...onCluster, dependsOn: postgres },
);

const paths = { "/api/auth": toFrontend, "/api": toBackend, "/": toFrontend };
const publicRoute = new PublicRoute("route", { ...pods, ...address, paths }, onCluster);

const backend = new WebService(
  "backend",
  {
    ...pods,
    ...config.web,
    ...config.backend,
    ...connectionsOf("backend", calls),
    image: backendImage,
    port: toBackend.port,
    settings: { ...config.settings, ...llm.settings },
    secrets: secrets.filesFor("backend", secrets.database, secrets.auth, secrets.llm),
  },
  // With TLS, new pods redirect HTTP to HTTPS, so the old pods stay until the route serves HTTPS.
  { ...onCluster, dependsOn: address.tls ? [migration, publicRoute] : [migration] },
);

const frontend = new WebService(
  "frontend",
  {
    ...pods,
    ...config.web,
    ...config.frontend,
    ...connectionsOf("frontend", calls),
    image: frontendImage,
    port: toFrontend.port,
    settings: { ...config.settings, BACKEND_URL: backend.url, ...config.proxySettings },
    secrets: secrets.filesFor("frontend", secrets.database, secrets.auth, secrets.nextAuth),
    writablePaths: ["/tmp", "/app/.next/cache"],
    peers: true,
  },
  // The backend rolls out first: a new page never calls an old API, nor one without a rotated secret.
  { ...onCluster, dependsOn: backend },
);

/** URL of the app. */
export const url = pulumi.all([publicRoute.url, frontend.service]).apply(([found]) => found);
/** Identity of the cluster: `make up` compares it to notice that the context points to another one. */
export const cluster = clusterIdentity(provider);
/** The images that run, by digest. */
export const images = { backend: backendImage.reference, frontend: frontendImage.reference };
