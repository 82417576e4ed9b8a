// Replays the recorded steps in order, with real effects on Docker and a registry: each answer must equal that of the
// official plugin. Steps 12 and 14 need objects in the state whose creation is not recorded; these are created from
// their inputs first.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Plugin, type Answer, type Fields, type Json } from "./plugin.ts";
import { exchanges, normalise, normaliseRandom, steps, type Exchange } from "./recordings.ts";
import { needs } from "./stack.ts";

const registry = process.env.CONTRACT_REGISTRY ?? "localhost:5000";
const base = process.env.CONTRACT_BASE_IMAGE ?? "docker.io/library/python:3.13-slim";
const sleeper = `FROM ${base}\nSTOPSIGNAL SIGKILL\nENTRYPOINT ["sleep", "infinity"]\n`;
const dockerfiles: Record<string, string> = {
  "15-up-newimage": `${sleeper}ENV RELEASE=2\n`,
  "16-up-buildfails": "FROM registry.invalid/nothing/like:this\n",
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
    const actual = await this.plugins[provider]!.call(method, this.request(request, live));
    this.learn(answer.response ?? null, actual.response ?? null);
    const problem = difference(this.translate(answer), actual, provider);
    if (problem) this.differences.push(`${method} ${request.urn}\n${problem}`);
    const state = actual.response;
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
  private request(recorded: Fields, live?: Live): Fields {
    const request = this.translate(recorded);
    if (!live) return request;
    const field = "olds" in request ? "olds" : "properties";
    return { ...request, id: live.id, [field]: reveal(live.properties) };
  }

  private translate<T>(value: T): T {
    let text = JSON.stringify(value).replaceAll("127.0.0.1:5000", registry);
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
    const missing = new Map<string, Exchange>();
    for (const exchange of list) {
      const key = `${exchange.request.urn} ${exchange.request.id}`;
      const made = list.some(
        ({ answer, request }) => answer.response?.id === exchange.request.id && !request.id,
      );
      if (exchange.request.id && exchange.request.oldInputs && !this.live.get(key)?.length && !made)
        missing.set(key, exchange);
    }
    const configure = missing.size ? list.filter(({ method }) => method === "Configure") : [];
    for (const { provider, request } of configure)
      await this.plugins[provider]!.call("Configure", this.translate(request));
    for (const { provider, request } of missing.values()) {
      const { urn, name, type, oldInputs } = this.translate<Fields>(request);
      const made = await this.plugins[provider]!.call("Create", {
        urn: urn!,
        name: name!,
        type: type!,
        properties: oldInputs!,
      });
      assert.ok(made.response, `making ${urn}: ${made.error}`);
      this.learn(request.olds ?? request.properties ?? null, made.response.properties!);
      this.keep(request, request.id!, made.response as unknown as Live);
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
  const form = provider === "random" ? normaliseRandom : normalise;
  try {
    if (!expected.error)
      assert.deepEqual([actual.error, form(actual.response)], [undefined, form(expected.response)]);
    else assert.match(String(actual.error), /nothing\/like/); // the daemon's words differ by version
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
  before(async function () {
    needs(this, "a Docker daemon", "docker", "version");
    program = mkdtempSync(join(tmpdir(), "contract-"));
    mkdirSync(join(program, "ctx"));
    writeFileSync(join(program, "ctx", "Dockerfile"), sleeper);
    plugins = {};
    for (const name of ["random", "docker"]) plugins[name] = await Plugin.start(name, program);
    replay = new Replay(plugins);
  });
  after(async () => {
    if (!program) return;
    for (const plugin of Object.values(plugins)) await plugin.stop();
    rmSync(program, { recursive: true });
  });

  const from = process.env.CONTRACT_STEP ?? "";
  for (const step of steps.filter((name) => name >= from))
    it(`answers ${step} as recorded`, async () => {
      if (dockerfiles[step]) writeFileSync(join(program, "ctx", "Dockerfile"), dockerfiles[step]);
      replay.differences.length = 0;
      await replay.step(exchanges(step).filter(({ method }) => method !== "GetPluginInfo"));
      const found = replay.differences;
      assert.equal(found.length, 0, `${found.length} differ\n\n${found.slice(0, 5).join("\n\n")}`);
    });
});
