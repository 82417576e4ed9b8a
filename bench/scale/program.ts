/**
 * The Pulumi program of the measurement. What a copy of the app consists of is that of `index.ts`, with a number at the end of each
 * name; all copies of a stack share one provider. A unit test compares both.
 */
import * as pulumi from "@pulumi/pulumi";
import { AppNamespace } from "../../components/appNamespace.ts";
import { AppSecrets } from "../../components/appSecrets.ts";
import { clusterProvider } from "../../components/cluster.ts";
import { ContainerImage } from "../../components/containerImage.ts";
import { connectionsOf, serviceUrl, workload } from "../../components/kubernetes/network.ts";
import { Migration } from "../../components/migration.ts";
import { Postgres } from "../../components/postgres.ts";
import { PublicRoute, fromProxies } from "../../components/publicRoute.ts";
import { WebService } from "../../components/webService.ts";
import { parseConfig } from "../../config/load.ts";
import { FAKE, NAMESPACE_PREFIX } from "./names.ts";

// As in index.ts.
Reflect.deleteProperty(Error, "prepareStackTrace");

const config = parseConfig(pulumi.getStack(), pulumi.runtime.allConfig());

/** What a Deployment or a Job has. */
interface PodOwner {
  readonly spec: { readonly template: { readonly spec: object } };
}

/** Leads the pods of a Deployment or a Job to the fake nodes, where nothing else gets. */
const toFakeNodes: pulumi.ResourceTransformation = ({ type, props, opts }) => {
  if (!/:(Deployment|Job)$/.test(type)) return undefined;
  const { spec } = props as PodOwner;
  const pod = {
    ...spec.template.spec,
    nodeSelector: { [FAKE]: "true" },
    tolerations: [{ key: FAKE, operator: "Exists" }],
  };
  return {
    props: { ...props, spec: { ...spec, template: { ...spec.template, spec: pod } } },
    opts,
  };
};

const onCluster = {
  providers: { kubernetes: clusterProvider(config.kubernetesContext) },
  // In this process: with `transforms`, the engine would call it for each resource, and that is measured here.
  transformations: [toFakeNodes],
};

/** Who talks to whom in a copy, and the two services that are called. */
function connectionsIn(name: (part: string) => string) {
  const [backend, frontend] = [workload(name("backend"), 8000), workload(name("frontend"), 3000)];
  const calls = [
    { from: fromProxies(config.address.route), to: [backend, frontend] },
    { from: backend.workload, to: [config.databasePeer] },
    { from: frontend.workload, to: [backend, config.databasePeer] },
    { from: "migration", to: [config.databasePeer] },
  ];
  return { backend, frontend, calls };
}

/** What the services of a copy have in common. */
interface Parts {
  readonly namespace: pulumi.Output<string>;
  readonly secrets: AppSecrets;
  readonly images: { readonly backend: ContainerImage; readonly frontend: ContainerImage };
}

/** The migration, the backend, then the frontend of a copy. */
function createServices(name: (part: string) => string, { namespace, secrets, images }: Parts) {
  const { backend, frontend, calls } = connectionsIn(name);
  const pods = { namespace, ...config.pods };
  const migrationArgs = {
    ...pods,
    ...connectionsOf("migration", calls),
    image: images.backend,
    command: ["python", "-m", "app.migrate"],
    secrets: secrets.filesFor("migration", secrets.migration),
  };
  const migration = new Migration(name("migration"), migrationArgs, onCluster);
  const backendArgs = {
    ...pods,
    ...config.web,
    ...config.backend,
    ...connectionsOf(backend.workload, calls),
    image: images.backend,
    port: backend.port,
    settings: { ...config.settings, ...config.llm.settings },
    secrets: secrets.filesFor("backend", secrets.database, secrets.auth, secrets.llm),
  };
  const needs = { ...onCluster, dependsOn: migration };
  const service = new WebService(backend.workload, backendArgs, needs);
  const frontendArgs = {
    ...pods,
    ...config.web,
    ...config.frontend,
    ...connectionsOf(frontend.workload, calls),
    image: images.frontend,
    port: frontend.port,
    settings: { ...config.settings, BACKEND_URL: serviceUrl(backend), ...config.proxySettings },
    secrets: secrets.filesFor("frontend", secrets.database, secrets.auth, secrets.nextAuth),
    writablePaths: ["/tmp", "/app/.next/cache"],
    peers: true,
  };
  new WebService(frontend.workload, frontendArgs, { ...onCluster, dependsOn: service });
  return { "/api/auth": frontend, "/api": backend, "/": frontend };
}

/** Declares one copy, in a namespace of its own. */
function declareCopy(copy: number): void {
  const name = (part: string) => `${part}-${copy}`;
  const args = { ...config, namespace: `${NAMESPACE_PREFIX}${copy}` };
  const { namespace } = new AppNamespace(name("app"), args, onCluster);
  const secrets = new AppSecrets(name("secrets"), { namespace, ...config.secrets }, onCluster);
  const database = { namespace, ...config.pods, ...config.database, callers: [] };
  new Postgres(name("postgres"), database, onCluster);
  const images = {
    backend: new ContainerImage(name("backend-image"), config.images.backend),
    frontend: new ContainerImage(name("frontend-image"), config.images.frontend),
  };
  const paths = createServices(name, { namespace, secrets, images });
  const host = `${copy}.${config.address.host}`;
  const route = { namespace, ...config.pods, ...config.address, host, paths };
  new PublicRoute(name("route"), route, onCluster);
}

/** Declares so many copies, whose numbers begin with `first`. */
export function declareCopies(first: number, copies: number): void {
  for (let copy = first; copy < first + copies; copy++) declareCopy(copy);
}
