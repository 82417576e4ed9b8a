/** Leads a port of this machine to one of a pod: past its NetworkPolicy, and without a program in its image. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Place } from "./kubectl.ts";

export interface PortForward {
  /** `127.0.0.1:41234`, once it leads to the pod. */
  readonly address: Promise<string>;
  end(): void;
}

/** @param patienceMs how long kubectl may take until it leads to the pod */
export function forwardPort(
  { context, namespace }: Place,
  pod: string,
  port: number,
  patienceMs: number,
): PortForward {
  const place = [`--context=${context}`, `--namespace=${namespace}`];
  const target = [`pod/${pod}`, `:${port}`, "--address=127.0.0.1"];
  const child = spawn("kubectl", [...place, "port-forward", ...target], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const address = new Promise<string>((resolve, reject) => {
    let complaint = "";
    child.stderr.on("data", (text: Buffer) => (complaint += text.toString()));
    child.on("error", reject);
    child.on("close", () => reject(new Error(complaint.trim() || "kubectl ended")));
    const late = setTimeout(
      () => reject(new Error(`no answer within ${patienceMs / 1000} s`)),
      patienceMs,
    );
    late.unref();
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, found] = /^Forwarding from (127\.0\.0\.1:\d+)/.exec(line) ?? [];
      if (found) resolve(found);
    });
  });
  return { address, end: () => child.kill() };
}
