/** What a canary deploys, what it is refused for, and what the state says about it. The commands are tested on the cluster. */
import assert from "node:assert/strict";
import { refuseIngress } from "../../ops/lib/canary/canary.ts";
import { checkMigrations, migrationsOf } from "../../ops/lib/canary/migrations.ts";
import { canaryIn, refuseWhileCanary } from "../../ops/lib/canary/running.ts";
import { stepFile } from "../../ops/lib/canary/steps.ts";
import { restoredFile } from "../../ops/lib/revisions/restore.ts";
import { migrationsInSource } from "../../ops/lib/revisions/revision.ts";
import type { Resource, State } from "../../ops/lib/state/state.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import { stageSchema } from "../../config/schema.ts";
import { callInProcess } from "./support/inProcess.ts";
import { imageOf, revision } from "./support/revisions.ts";

const STABLE = { backend: imageOf("backend", "a"), frontend: imageOf("frontend", "b") };
const NEW = { backend: imageOf("backend", "c"), frontend: imageOf("frontend", "d") };

const urnOf = (name: string) => `urn:pulumi:qa::todo-app::some:Type::${name}`;
const deployment = (name: string, image: string): Resource => ({
  urn: urnOf(name),
  type: "kubernetes:apps/v1:Deployment",
  inputs: {
    kind: "Deployment",
    spec: { template: { spec: { containers: [{ image }] } } },
  } as Resource["inputs"],
});
const route = (weight: number): Resource => ({
  urn: urnOf("route"),
  type: "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute",
  inputs: {
    kind: "HTTPRoute",
    spec: {
      rules: [
        { backendRefs: [{ name: "backend-canary", weight: 1 }] },
        {
          backendRefs: weight
            ? [
                { name: "backend", weight: 100 - weight },
                { name: "backend-canary", weight },
              ]
            : [{ name: "backend", weight: 1 }],
        },
      ],
    },
  } as Resource["inputs"],
});
const stateOf = (...resources: Resource[]): State => ({ version: 3, deployment: { resources } });
const component = (release: unknown): Resource => ({
  urn: urnOf("canary"),
  type: "todo-app:index:Canary",
  outputs: { release },
});
const deployed = [deployment("backend", STABLE.backend), deployment("frontend", STABLE.frontend)];
const canary = [
  deployment("backend-canary", NEW.backend),
  deployment("frontend-canary", NEW.frontend),
];

describe("the canary in a state", () => {
  it("is none without its workloads", () => {
    assert.equal(canaryIn(stateOf(...deployed, route(0))), undefined);
    assert.equal(canaryIn({ version: 3, deployment: {} }), undefined);
    const leaving = canary.map((each) => ({ ...each, delete: true }));
    assert.equal(canaryIn(stateOf(...deployed, ...leaving)), undefined);
  });

  it("has images, a share of the requests, and the migrations that were noted", () => {
    const noted = { weight: 10, migrations: ["0001"], backwardCompatible: [] };
    const state = stateOf(component(noted), ...deployed, ...canary, route(10));
    assert.deepEqual(canaryIn(state), {
      weight: 10,
      images: NEW,
      migrations: ["0001"],
      backwardCompatible: [],
    });
    assert.deepEqual(canaryIn(stateOf(...canary, route(0))), { weight: 0, images: NEW });
  });

  it("has no images where it was not started completely", () =>
    assert.deepEqual(canaryIn(stateOf(...deployed, canary[0]!, route(0))), { weight: 0 }));

  it("keeps other deploys away, which would remove it", () => {
    refuseWhileCanary("qa", stateOf(...deployed));
    assert.throws(() => refuseWhileCanary("qa", stateOf(...canary, route(25))), {
      message:
        "a canary serves 25 % of the requests of qa, and nothing else is deployed until it has ended",
      fix:
        "make canary-promote STAGE=qa makes it the release, make canary-abort STAGE=qa removes it; " +
        "then run this command again",
    });
  });
});

describe("a step of a canary", () => {
  const settings = {
    "todo-app:kubernetesContext": "minikube",
    "todo-app:host": "todo.local",
    "todo-app:images": { registry: "localhost:5000" },
    "todo-app:backend": { replicas: 3 },
    "todo-app:route": { kind: "gateway" },
  };
  const newest = revision(3, { stageFile: { config: settings } });
  const current = {
    config: {
      ...settings,
      "todo-app:backend": { replicas: 9 },
      "todo-app:canary": { minutes: 2 },
    },
  };
  const step = (images?: object) =>
    stepFile(restoredFile(newest, current), current, { weight: 10, stable: STABLE, images });

  it("deploys the settings of the newest revision, its images, and the new ones beside them", () => {
    const config = effectiveConfig("qa", step(NEW).config!)!;
    assert.equal(config.backend.replicas, 3);
    assert.deepEqual({ backend: config.images.backend, frontend: config.images.frontend }, NEW);
    assert.equal(config.canary.minutes, 2, "how it is run is a setting of today");
    assert.deepEqual(config.canary.release, { weight: 10, stable: STABLE });
  });

  it("builds the new images where none are named", () => {
    const written = JSON.parse(JSON.stringify(step().config)) as Record<string, unknown>;
    const { images, canary: settings } = effectiveConfig("qa", written)!;
    assert.equal(images.backend, undefined);
    assert.equal(images.registry, "localhost:5000");
    assert.deepEqual(settings.release!.stable, STABLE);
  });
});

describe("a canary is refused", () => {
  it("behind an Ingress, with what would have to change", () => {
    const { route: settings } = stageSchema.pick({ route: true }).parse({});
    refuseIngress("qa", { ...settings, kind: "gateway" });
    assert.throws(() => refuseIngress("qa", settings), {
      message:
        "qa is deployed with an Ingress of class traefik, which sends all requests to one release: route.kind is ingress",
      fix: "use the Gateway API: pulumi config set --stack qa --path todo-app:route.kind gateway, then make up STAGE=qa first",
    });
  });

  const check = (release: object, kept = revision(2)) => checkMigrations("qa", release, [kept]);
  const two = ["0001_create_tasks", "0002_richer_tasks"];

  it("with a migration that does not say that the deployed release runs on its schema", () => {
    check({ migrations: two, backwardCompatible: [two[1]!] });
    check({ migrations: two.slice(0, 1) });
    assert.throws(
      () => check({ migrations: two, backwardCompatible: [] }),
      /schema that the canary's migrations leave, and they do not say that it can:\n {2}0002_richer_tasks$/,
    );
  });

  it("where it does not know a migration of the database", () => {
    const ahead = revision(2, { migrations: two });
    assert.throws(
      () => check({ migrations: two.slice(0, 1) }, ahead),
      /has migrations that the canary does not know: 0002_richer_tasks/,
    );
    check({ migrations: two.slice(0, 1) }, { ...ahead, backwardCompatible: [two[1]!] });
  });

  it("where it is not known which migrations its image has", () => {
    assert.deepEqual(migrationsOf("qa", undefined, []), migrationsInSource());
    assert.deepEqual(migrationsOf("qa", STABLE.backend, [revision(2)]), {
      migrations: ["0001_create_tasks"],
    });
    assert.throws(
      () => migrationsOf("qa", NEW.backend, [revision(2)]),
      /not known which migrations the configured image of the backend has/,
    );
  });

  it("with a weight that leaves one of the releases nothing", async () => {
    for (const weight of ["0", "100", "1.5", "-1", "ten", "010"]) {
      const { code, stderr } = await callInProcess("canary.ts", [
        "--",
        "dev",
        "Pulumi.dev.yaml",
        weight,
      ]);
      assert.equal(code, 1, weight);
      assert.match(
        stderr,
        /is no share of the requests in %; allowed: a whole number from 1 to 99/,
      );
      assert.match(stderr, /fix: make canary STAGE=dev WEIGHT=10/);
    }
  });
});
