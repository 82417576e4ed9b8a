/** An S3 server on this machine: OpenStack Swift, with a bucket and a key that may do everything in it. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("s3Server.py", import.meta.url));
/** Debian's Python, which sees Debian's packages. */
const PYTHON = "/usr/bin/python3";

export class S3Server {
  readonly bucket = "backups";
  readonly region = "us-east-1";
  /** The name of an account and of its user. */
  readonly keyId = "todo:backup";
  readonly key = "canary-of-the-bucket";
  /** URL of the server, once it is started. */
  endpoint = "";
  private readonly folder = mkdtempSync(join(tmpdir(), "todo-s3-"));
  private process?: ChildProcess;
  private readonly sessionToken: string | undefined;

  /** @param sessionToken what each request must have beside the key @default none: the key alone is enough */
  constructor(sessionToken?: string) {
    this.sessionToken = sessionToken;
  }

  /** Starts the server at an address of this machine, or starts it again with what it had, and creates the bucket. */
  async start(address: string): Promise<void> {
    const { port } = this.endpoint ? new URL(this.endpoint) : { port: "0" };
    const token = this.sessionToken ? [this.sessionToken] : [];
    const args = [PROGRAM, this.folder, address, port, this.keyId, this.key, ...token];
    this.process = spawn(PYTHON, args, { stdio: ["ignore", "pipe", "inherit"] });
    const answer = await new Promise<string>((resolve, reject) => {
      this.process!.stdout!.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()));
      this.process!.once("exit", () => reject(new Error("the S3 server has ended")));
    });
    this.endpoint = `http://${address}:${answer}`;
    this.rclone(["mkdir", `bucket:${this.bucket}`]);
  }

  /** Ends the server; what it has is kept. */
  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.process!.once("exit", resolve));
    this.process!.kill();
    await ended;
  }

  async remove(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true });
  }

  /** Runs rclone, for which the server is the remote `bucket`. @returns what it prints */
  rclone(args: readonly string[], input: string | Buffer = ""): Buffer {
    const env = {
      PATH: process.env.PATH,
      RCLONE_CONFIG: "/dev/null",
      RCLONE_CONFIG_BUCKET_TYPE: "s3",
      RCLONE_CONFIG_BUCKET_PROVIDER: "Other",
      RCLONE_CONFIG_BUCKET_ENDPOINT: this.endpoint,
      RCLONE_CONFIG_BUCKET_ACCESS_KEY_ID: this.keyId,
      RCLONE_CONFIG_BUCKET_SECRET_ACCESS_KEY: this.key,
      RCLONE_CONFIG_BUCKET_SESSION_TOKEN: this.sessionToken,
    };
    return execFileSync("rclone", args, { env, input, maxBuffer: 2 ** 28 });
  }

  /** The files in the bucket. */
  files(): string[] {
    const list = this.rclone(["lsf", "--recursive", "--files-only", `bucket:${this.bucket}`]);
    return list.toString().split("\n").filter(Boolean).sort();
  }

  /** Changes a byte of a file in the bucket. */
  damage(file: string): void {
    const path = `bucket:${this.bucket}/${file}`;
    const content = this.rclone(["cat", path]);
    assert.ok(content.length, `${file} is empty`);
    content[content.length >> 1]! ^= 1;
    this.rclone(["rcat", path], content);
  }
}
