// Starts a provider plugin as the engine does, and talks to it over gRPC in the JSON form of the recordings.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// The SDK's own copies of its gRPC dependencies.
const require = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"));
const grpc = require("@grpc/grpc-js");
const provider = require("@pulumi/pulumi/proto/provider_pb");
const { ResourceProviderClient } = require("@pulumi/pulumi/proto/provider_grpc_pb");
const { EngineService } = require("@pulumi/pulumi/proto/engine_grpc_pb");
const { Empty } = require("google-protobuf/google/protobuf/empty_pb.js");
const { Struct } = require("google-protobuf/google/protobuf/struct_pb.js");

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Fields = Record<string, Json>;
export interface Answer {
  readonly response?: Fields;
  readonly error?: string;
}

const limit = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** The plugin that the engine would take: the one on PATH, otherwise an installed one. */
function locate(name: string): string {
  const program = `pulumi-resource-${name}`;
  if (process.env.PATH!.split(":").some((folder) => existsSync(join(folder, program))))
    return program;
  const installed = join(process.env.PULUMI_HOME ?? join(homedir(), ".pulumi"), "plugins");
  const versions = existsSync(installed) ? readdirSync(installed) : [];
  const folder = versions
    .filter((entry) => new RegExp(`^resource-${name}-v[^.]+[.][^.]+[.][^.]+$`).test(entry))
    .at(-1);
  return folder ? join(installed, folder, program) : program;
}

/** A running plugin. */
export class Plugin {
  private engine: any;
  private client: any;
  private process?: ChildProcess;

  /** Starts the plugin of a package with `cwd` as the program's directory. */
  static async start(name: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Plugin> {
    const plugin = new Plugin();
    const address = await plugin.serveEngine();
    const child = spawn(locate(name), [address], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    plugin.process = child;
    const started = new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) =>
        reject(new Error(`pulumi-resource-${name} exited with ${code}`)),
      );
      child.stdout.once("data", (data: Buffer) => resolve(data.toString().trim()));
    });
    const port = await started.catch((err: unknown) => {
      plugin.engine.forceShutdown();
      throw err;
    });
    plugin.client = new ResourceProviderClient(
      `127.0.0.1:${port}`,
      grpc.credentials.createInsecure(),
      limit,
    );
    return plugin;
  }

  async stop(): Promise<void> {
    this.client?.close();
    if (this.process?.exitCode === null && this.process.signalCode === null) {
      const gone = once(this.process, "exit");
      this.process.kill("SIGKILL");
      await gone;
    }
    this.engine?.forceShutdown();
  }

  /** Sends one recorded request and returns the answer in the recordings' form. */
  call(method: string, request: Fields): Promise<Answer> {
    const [message, call] = [encode(method, request), method[0]!.toLowerCase() + method.slice(1)];
    return new Promise((resolve) =>
      this.client[call](message, (err: any, reply: any) =>
        resolve(err ? { error: String(err.details) } : { response: decode(reply) }),
      ),
    );
  }

  private async serveEngine(): Promise<string> {
    this.engine = new grpc.Server(limit);
    this.engine.addService(EngineService, {
      log: (_: any, done: any) => done(null, new Empty()),
    });
    const bind = (resolve: (port: number) => void, reject: (err: Error) => void) =>
      this.engine.bindAsync(
        "127.0.0.1:0",
        grpc.ServerCredentials.createInsecure(),
        (err: Error | null, port: number) => (err ? reject(err) : resolve(port)),
      );
    return `127.0.0.1:${await new Promise<number>(bind)}`;
  }
}

const messages: Record<string, any> = {
  GetPluginInfo: Empty,
  CheckConfig: provider.CheckRequest,
  DiffConfig: provider.DiffRequest,
  Configure: provider.ConfigureRequest,
  Check: provider.CheckRequest,
  Diff: provider.DiffRequest,
  Create: provider.CreateRequest,
  Read: provider.ReadRequest,
  Update: provider.UpdateRequest,
  Delete: provider.DeleteRequest,
};

// The generated classes have no conversion from JSON, and the case of their setters differs from that of the fields'
// names. So each setter is found by its name in lower case.
function encode(method: string, request: Fields): any {
  const message = new messages[method]();
  const members = new Map<string, string>();
  for (const name in message) members.set(name.toLowerCase(), name);
  for (const [field, value] of Object.entries(request)) {
    const name = field.toLowerCase();
    const map = members.get(`get${name}map`);
    const setter = members.get(`set${name}`) ?? members.get(`set${name}list`);
    if (map)
      for (const [key, item] of Object.entries(value as Fields)) message[map]().set(key, item);
    else if (!setter) throw new Error(`${method} has no field ${field}`);
    else if (typeof value === "object" && !Array.isArray(value))
      message[setter](Struct.fromJavaScript(value));
    else message[setter](value);
  }
  return message;
}

const names = (values: Record<string, number>) =>
  Object.fromEntries(Object.entries(values).map(([k, v]) => [v, k]));
const changes = names(provider.DiffResponse.DiffChanges);
const kinds = names(provider.PropertyDiff.Kind);

// Returns the fields in lower case, without those that have the default value, and with enums by name. The recordings
// look the same once their keys are in lower case.
function decode(message: any): Fields {
  const out: Fields = {};
  const plain = message.toObject() as Record<string, any>;
  for (const [key, value] of Object.entries(plain)) {
    const name = key.toLowerCase().replace(/(list|map)$/, "");
    if (
      value === undefined ||
      value === false ||
      value === "" ||
      value === 0 ||
      value?.length === 0
    )
      continue;
    const getter = Object.keys(Object.getPrototypeOf(message)).find(
      (m) => m.toLowerCase() === `get${key.toLowerCase()}`,
    )!;
    const member = message[getter]();
    if (member instanceof Struct) out[name] = member.toJavaScript();
    else if (key === "changes") out[name] = changes[value]!;
    else if (key === "detaileddiffMap")
      out[name] = Object.fromEntries(
        value.map(([path, diff]: any) => [
          path,
          {
            ...(diff.kind ? { kind: kinds[diff.kind]! } : {}),
            ...(diff.inputdiff ? { inputDiff: true } : {}),
          },
        ]),
      );
    else out[name] = value;
  }
  return out;
}
