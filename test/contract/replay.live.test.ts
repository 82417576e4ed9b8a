// The recorded steps in order, with real effects on Docker, a registry and the cluster: every answer must be the official one's.
// What a step finds in the state and the recordings do not show being made (steps 12 and 14) is made from its inputs first.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Plugin, type Answer, type Fields, type Json } from "./plugin.ts";
import { exchanges, normaliseLive, normaliseRandom, steps, type Exchange } from "./recordings.ts";
import { kubectl, needs } from "./stack.ts";

const registry = process.env.CONTRACT_REGISTRY ?? "localhost:5000";
const base = process.env.CONTRACT_BASE_IMAGE ?? "docker.io/library/python:3.13-slim";
const sleeper = `FROM ${base}\nSTOPSIGNAL SIGKILL\nENTRYPOINT ["sleep", "infinity"]\n`;
const dockerfiles: Record<string, string> = {
  "15-up-newimage": `${sleeper}ENV RELEASE=2\n`,
  "16-up-buildfails": "FROM registry.invalid/nothing/like:this\n",
};

// What was done by hand between the recorded steps.
const scale = (namespace: string, name: string, count: number) =>
  kubectl("scale", "-n", namespace, `deployment/${name}`, `--replicas=${count}`);
const rolledOut = (namespace: string, name: string) =>
  kubectl("rollout", "status", "-n", namespace, `deployment/${name}`, "--timeout=60s");
const byHand: Record<string, () => void> = {
  "07-up-fail": () => kubectl("create", "configmap", "-n", "contract", "preexisting"),
  "08-up-recover": () => kubectl("delete", "configmap", "-n", "contract", "preexisting"),
  "09-refresh-drift": () => {
    kubectl("delete", "configmap", "-n", "contract", "named");
    kubectl("label", "service", "-n", "contract", "backend", "touched=yes");
    scale("contract", "backend", 5);
    rolledOut("contract", "backend");
  },
  "20-ignore-preview-scaled": () => {
    scale("default", "hpa-backend", 4);
    rolledOut("default", "hpa-backend");
  },
};

interface Live {
  readonly id: string;
  readonly properties: Fields;
}

class Replay {
  readonly differences: string[] = [];
  private readonly plugins: Record<string, Plugin>;
  private readonly live = new Map<string, Live[]>(); // by URN and recorded id; two while a replacement has the same id
  private readonly names = new Map<string, string>(); // recorded name or digest → the one of this run
  private readonly kubeconfig = JSON.stringify(readFileSync(process.env.KUBECONFIG!, "utf8"));
  private readonly context = kubectl("config", "current-context").trim();

  constructor(plugins: Record<string, Plugin>) {
    this.plugins = plugins;
  }

  async step(list: Exchange[]): Promise<void> {
    await this.makeMissing(list);
    for (const exchange of list) await this.exchange(exchange);
  }

  private async exchange({ provider, method, request, answer }: Exchange): Promise<void> {
    const known = this.live.get(`${request.urn} ${request.id}`) ?? [];
    const live = method === "Delete" ? known[0] : known.at(-1);
    const actual = await this.plugins[provider]!.call(
      method,
      this.request(provider, request, live),
    );
    this.learn(answer.response ?? null, actual.response ?? null);
    const problem = difference(this.translate(answer), actual, provider);
    if (problem) this.differences.push(`${method} ${request.urn}\n${problem}`);
    const state = actual.response ?? actual.partial;
    if (request.preview || !state || !/^(Create|Update|Read|Delete)$/.test(method)) return;
    if (method === "Delete") known.shift();
    else if (method !== "Create") known.pop();
    if (state.properties)
      this.keep(request, answer.response?.id ?? request.id ?? state.id!, {
        ...live,
        ...state,
      } as Live);
  }

  private keep({ urn }: Fields, id: Json, live: Live): void {
    const key = `${urn} ${id}`;
    this.live.set(key, [...(this.live.get(key) ?? []), live]);
  }

  /** The recorded request with this run's names, and with the state that this run's plugin returned before. */
  private request(provider: string, recorded: Fields, live?: Live): Fields {
    const request = this.translate(recorded);
    if (!live) return request;
    const state = provider === "kubernetes" ? live.properties : (reveal(live.properties) as Fields);
    const field = "olds" in request ? "olds" : "properties";
    return { ...request, id: live.id, [field]: state };
  }

  private translate<T>(value: T): T {
    let text = JSON.stringify(value)
      .replaceAll("127.0.0.1:5000", registry)
      .replaceAll(`${registry}/pause:3.10`, `${registry}/contract:v1`);
    text = text
      .replaceAll('"<kubeconfig>"', this.kubeconfig)
      .replaceAll('context":"local"', `context":"${this.context}"`);
    for (const [recorded, actual] of this.names) text = text.replaceAll(recorded, actual);
    return JSON.parse(text);
  }

  /** Pairs each recorded name and digest with the one at the same place of this run's answer. */
  private learn(recorded: Json, actual: Json): void {
    if (typeof recorded === "string" && typeof actual === "string") {
      const [, name] = /((?:[a-z]+-[0-9a-f]{8}|sha256:[0-9a-f]{64}))$/.exec(recorded) ?? [];
      const [, other] = /((?:[a-z]+-[0-9a-f]{8}|sha256:[0-9a-f]{64}))$/.exec(actual) ?? [];
      if (name && other && name !== other && !name.startsWith("pulumi-"))
        this.names.set(name, other);
    } else if (recorded && actual && typeof recorded === "object" && typeof actual === "object")
      for (const [key, item] of Object.entries(recorded))
        this.learn(item, (actual as Fields)[key] ?? null);
  }

  private async makeMissing(list: Exchange[]): Promise<void> {
    const order = [
      /:Namespace$/,
      /^(random|docker):/,
      /^(?!.*:(Deployment|StatefulSet|Service)$)/,
      /(Deployment|StatefulSet)$/,
      /./,
    ];
    const rank = (urn: Json) =>
      order.findIndex((pattern) => pattern.test(String(urn).split("::")[2]!));
    const missing = new Map<string, Exchange>();
    for (const exchange of list) {
      const key = `${exchange.request.urn} ${exchange.request.id}`;
      const made = list.some(
        ({ answer, request }) => answer.response?.id === exchange.request.id && !request.id,
      );
      if (exchange.request.id && exchange.request.oldInputs && !this.live.get(key)?.length && !made)
        missing.set(key, exchange);
    }
    const first = [...missing].sort(([, a], [, b]) => rank(a.request.urn!) - rank(b.request.urn!));
    const configure = first.length ? list.filter(({ method }) => method === "Configure") : [];
    for (const { provider, request } of configure)
      await this.plugins[provider]!.call("Configure", this.translate(request));
    for (const [, { provider, request }] of first) {
      const { urn, name, type, oldInputs } = this.translate<Fields>(request);
      const made = await this.plugins[provider]!.call("Create", {
        urn: urn!,
        name: name!,
        type: type!,
        properties: oldInputs!,
      });
      const state = made.response ?? made.partial; // what waits for a failed rollout is made, but not ready
      assert.ok(state, `making ${urn}: ${made.error}`);
      this.learn(request.olds ?? request.properties ?? null, state.properties!);
      this.keep(request, request.id!, state as unknown as Live);
    }
  }
}

function reveal(value: Json): Json {
  if (Array.isArray(value)) return value.map(reveal);
  if (value === null || typeof value !== "object") return value;
  if ("4dabf18193072939515e22adb298388d" in value) return reveal(value.value!);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, reveal(item)]));
}

function difference(expected: Answer, actual: Answer, provider: string): string | undefined {
  const form = provider === "random" ? normaliseRandom : normaliseLive;
  try {
    if (!expected.error)
      assert.deepEqual([actual.error, form(actual.response)], [undefined, form(expected.response)]);
    else if (provider === "docker")
      assert.match(String(actual.error), /nothing\/like/); // the daemon's words differ by version
    else {
      // A plugin may give the cause where the official one only says that the time is up.
      const words = String(form(expected.error)).replace(/timed out waiting to be Ready$/, "");
      assert.ok(
        String(form(actual.error)).startsWith(words),
        `${actual.error}\n≠ ${expected.error}`,
      );
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("replay of every step", function () {
  this.timeout(300_000);
  let program: string;
  let plugins: Record<string, Plugin>;
  let replay: Replay;
  const cleanUp = () => {
    kubectl("delete", "namespace", "contract", "--ignore-not-found");
    kubectl("delete", "deployment", "-n", "default", "hpa-backend", "--ignore-not-found");
  };
  before(async function () {
    needs(this, "a cluster", "kubectl", "get", "--raw", "/readyz");
    needs(this, "a Docker daemon", "docker", "version");
    cleanUp();
    const types = kubectl(
      "get",
      "crd",
      "issuers.cert-manager.io",
      "--ignore-not-found",
      "-o",
      "name",
    );
    if (!types) {
      kubectl("apply", "-f", fileURLToPath(new URL("./issuers.yaml", import.meta.url)));
      kubectl("wait", "--for=condition=Established", "crd", "-l", "contract-test=true");
    }
    program = mkdtempSync(join(tmpdir(), "contract-"));
    mkdirSync(join(program, "ctx"));
    writeFileSync(join(program, "ctx", "Dockerfile"), sleeper);
    plugins = {};
    for (const name of ["random", "docker", "kubernetes"])
      plugins[name] = await Plugin.start(name, program);
    replay = new Replay(plugins);
  });
  after(async () => {
    if (!program) return;
    for (const plugin of Object.values(plugins)) await plugin.stop();
    rmSync(program, { recursive: true });
    cleanUp();
    kubectl("delete", "crd", "-l", "contract-test=true", "--ignore-not-found");
  });

  const from = process.env.CONTRACT_STEP ?? "";
  for (const step of steps.filter((name) => name !== "17-preview-nocluster" && name >= from))
    it(`answers ${step} as recorded`, async () => {
      if (dockerfiles[step]) writeFileSync(join(program, "ctx", "Dockerfile"), dockerfiles[step]);
      byHand[step]?.();
      replay.differences.length = 0;
      await replay.step(exchanges(step).filter(({ method }) => method !== "GetPluginInfo"));
      const found = replay.differences;
      assert.equal(found.length, 0, `${found.length} differ\n\n${found.slice(0, 5).join("\n\n")}`);
    });
});
