/** One deploy. Pulumi orders its steps by what they refer to and by `dependsOn`; the others run at the same time. */
import * as pulumi from "@pulumi/pulumi";
import { AppNamespace } from "./components/appNamespace.ts";
import { AppSecrets } from "./components/appSecrets.ts";
import { Canary, canaryImages, withCanary } from "./components/canary.ts";
import { clusterIdentity, clusterProvider } from "./components/cluster.ts";
import { ContainerImage } from "./components/containerImage.ts";
import { connectionsOf, serviceUrl, workload } from "./components/kubernetes/network.ts";
import { Migration } from "./components/migration.ts";
import { Monitoring } from "./components/monitoring.ts";
import { Postgres } from "./components/postgres.ts";
import { PublicRoute, fromProxies } from "./components/publicRoute.ts";
import { PullSecret } from "./components/pullSecret.ts";
import { WebService } from "./components/webService.ts";
import { loadConfig } from "./config/load.ts";

// The SDK formats the stack of every promise, through source maps that this program does not need: a sixth of a preview's CPU time.
Reflect.deleteProperty(Error, "prepareStackTrace");

const config = loadConfig();
// What the cluster lacks is one error here, and no time-out later. It is loaded only where the stage asks for it.
if (config.preflight) await (await import("./ops/lib/preflight/program.ts")).requireCluster();
const { address, databasePeer, llm, tracing, monitoring, protectResources: protect } = config;
const provider = clusterProvider(config.kubernetesContext);
const onCluster = { providers: { kubernetes: provider } };
const { namespace } = new AppNamespace("app", { ...config, protect }, onCluster);
const pullSecret = config.registryLogin
  ? new PullSecret("pull-secret", { namespace, ...config.registryLogin }, onCluster).secretName
  : config.pullSecretName;
// Common arguments. Of two spreads with the same key, the later one counts: pods, then web services, then this service.
const pods = { namespace, pullSecret, ...config.pods };

// Allowed connections, from which the NetworkPolicies of both ends follow. A WebService adds its `peers` and `metricsReader`.
const backendPeer = workload("backend", 8000);
const frontendPeer = workload("frontend", 3000);
const calls = withCanary(config.canary, "frontend", [
  { from: fromProxies(address.route), to: [backendPeer, frontendPeer] },
  { from: "backend", to: [databasePeer, ...llm.callees, ...tracing.callees] },
  { from: "frontend", to: [backendPeer, databasePeer, ...tracing.callees] },
  { from: "migration", to: [databasePeer] },
]);

const secrets = new AppSecrets("secrets", { namespace, ...config.secrets }, onCluster);
const postgres = new Postgres(
  "postgres",
  { ...pods, ...config.database, ...secrets.postgres, ...connectionsOf("postgres", calls) },
  onCluster,
);
const backendImage = new ContainerImage("backend-image", config.images.backend);
const frontendImage = new ContainerImage("frontend-image", config.images.frontend);
const newImages = config.canary && canaryImages(config.canary.images);

const migrationArgs = {
  ...pods,
  ...connectionsOf("migration", calls),
  image: newImages?.backend ?? backendImage,
  command: ["python", "-m", "app.migrate"],
  secrets: secrets.filesFor("migration", secrets.migration),
};
const migration = new Migration("migration", migrationArgs, { ...onCluster, dependsOn: postgres });

const backendArgs = {
  ...pods,
  ...config.web,
  ...config.backend,
  ...connectionsOf("backend", calls),
  image: backendImage,
  port: backendPeer.port,
  settings: { ...config.settings, ...llm.settings },
  secrets: secrets.filesFor("backend", secrets.database, secrets.auth, secrets.llm),
};
const frontendArgs = {
  ...pods,
  ...config.web,
  ...config.frontend,
  ...connectionsOf("frontend", calls),
  image: frontendImage,
  port: frontendPeer.port,
  settings: { ...config.settings, BACKEND_URL: serviceUrl(backendPeer), ...config.proxySettings },
  secrets: secrets.filesFor("frontend", secrets.database, secrets.auth, secrets.nextAuth),
  writablePaths: ["/tmp", "/app/.next/cache"],
  peers: true,
};
const services = { backend: backendArgs, frontend: frontendArgs };
const canaryArgs = newImages && { ...config.canary, images: newImages, services, calls };
const canary =
  canaryArgs && new Canary("canary", canaryArgs, { ...onCluster, dependsOn: migration });

const paths = { "/api/auth": frontendPeer, "/api": backendPeer, "/": frontendPeer };
const publicRoute = new PublicRoute("route", { ...pods, ...address, paths, canary }, onCluster);
if (monitoring) new Monitoring("monitoring", { namespace, ...monitoring }, onCluster);

// With TLS, new pods redirect HTTP to HTTPS, so they wait until the route serves HTTPS.
const backendNeeds = [migration, ...(address.tls ? [publicRoute] : [])];
const backend = new WebService("backend", backendArgs, { ...onCluster, dependsOn: backendNeeds });
// The backend first: a new page never calls a backend that has the old code or the old secrets.
const frontend = new WebService("frontend", frontendArgs, { ...onCluster, dependsOn: backend });

/** URL of the app. It is known once the frontend is ready. */
export const url = pulumi.all([publicRoute.url, frontend.service]).apply(([route]) => route);
/** Identity of the cluster: `make up` compares it to notice that the context points to another one. */
export const cluster = clusterIdentity(provider);
/** The images that run, by digest. */
export const images = { backend: backendImage.reference, frontend: frontendImage.reference };
