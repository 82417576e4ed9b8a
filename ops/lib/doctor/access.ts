/** Whether the API server lets this machine look, and if it does not, why. */
import { X509Certificate } from "node:crypto";
import { OperatorError } from "../errors.ts";
import type { Result } from "../run.ts";

/** The cluster can't be looked at, so nothing is known about the stage. */
export class CannotLook extends OperatorError {
  /** The name of the reason, which stays: pipelines compare it. */
  readonly reason: string;

  constructor(reason: string, message: string, fix: string) {
    super(message, fix);
    this.reason = reason;
  }
}

interface Reason {
  readonly name: string;
  readonly pattern: RegExp;
  readonly problem: string;
  readonly fix: (kubectl: string) => string;
}

const CERTIFICATE_FIX = () =>
  "compare the clock of this machine with others; if it is right, renew the certificates of the control plane, for example with: kubeadm certs renew all";

/** What kubectl says where it gets no answer. The first pattern that matches counts. */
export const REASONS: readonly Reason[] = [
  {
    name: "no-kubectl",
    pattern: /ENOENT/,
    problem: "kubectl is not installed",
    fix: () => 'install it, or run make cluster; then eval "$(make env)"',
  },
  {
    name: "no-context",
    pattern: /context .*does not exist|no configuration has been provided/,
    problem: "the kubeconfig does not have the context",
    fix: () => "point KUBECONFIG at the right file: kubectl config get-contexts lists those it has",
  },
  {
    name: "login-program",
    pattern: /getting credentials|exec plugin/,
    problem: "the program that fetches the credentials fails",
    fix: (kubectl) =>
      `log in again with the tool of the cluster's provider; then ${kubectl} auth whoami`,
  },
  {
    name: "name-not-resolved",
    pattern: /no such host|server misbehaving|name resolution/,
    problem: "the name of the API server is not resolved",
    fix: (kubectl) =>
      `check VPN and name service; ${kubectl} config view --minify shows the address`,
  },
  {
    name: "refused",
    pattern: /connection refused|was refused/,
    problem: "nothing listens at the address of the API server",
    fix: (kubectl) =>
      `start the cluster ("make cluster" for the local one); ${kubectl} config view --minify shows the address`,
  },
  {
    name: "server-certificate-expired",
    pattern: /certificate has expired|not yet valid/,
    problem: "the certificate of the API server is not valid now",
    fix: CERTIFICATE_FIX,
  },
  {
    name: "server-certificate-unknown",
    pattern: /x509|failed to verify certificate|HTTP response to HTTPS client/,
    problem: "the API server has not the certificate that the kubeconfig expects",
    fix: () => "get the kubeconfig of this cluster anew: its address may belong to another one now",
  },
  {
    name: "credentials-expired",
    pattern: /Unauthorized|must be logged in|provide credentials|tls: (expired|bad) certificate/,
    problem: "the API server does not accept the credentials (401)",
    fix: (kubectl) => `log in again, or get a new kubeconfig; then ${kubectl} auth whoami`,
  },
  {
    name: "no-answer",
    pattern: /timeout|deadline exceeded|no route to host|network is unreachable|EOF|reset by peer/i,
    problem: "the API server does not answer in time",
    fix: (kubectl) =>
      `check VPN and firewalls, and whether the cluster runs; ${kubectl} get --raw=/readyz`,
  },
];

/** Runs kubectl. Tests pass their own. */
export type Ask = (command: readonly string[], input?: string) => Promise<Result>;

interface User {
  readonly token?: string;
  readonly "client-certificate-data"?: string;
}

/** Until when credentials were valid that a kubeconfig holds; undefined where they do not say. */
function validUntil(user: User): Date | undefined {
  const certificate = user["client-certificate-data"];
  try {
    if (certificate) return new X509Certificate(Buffer.from(certificate, "base64")).validToDate;
    const claims = Buffer.from(user.token?.split(".")[1] ?? "", "base64url").toString();
    const { exp } = JSON.parse(claims) as { readonly exp?: number };
    return exp === undefined ? undefined : new Date(exp * 1000);
  } catch {
    return undefined; // a token of another kind
  }
}

/** When the credentials of the context have expired, in words; empty where that is not known. */
async function expiry(ask: Ask): Promise<string> {
  const view = ["config", "view", "--minify", "--raw", "--output=json"];
  const { code, stdout } = await ask(view);
  if (code !== 0) return "";
  const { users } = JSON.parse(stdout) as { readonly users?: readonly { user: User }[] | null };
  const until = validUntil(users?.[0]?.user ?? {});
  return until && until.getTime() < Date.now() ? `; they expired at ${until.toISOString()}` : "";
}

/** Why kubectl got no answer. */
export async function reasonFor(context: string, output: string, ask: Ask): Promise<CannotLook> {
  const said = output.trim().split("\n").at(-1) ?? "";
  const reason = REASONS.find(({ pattern }) => pattern.test(output));
  const kubectl = `kubectl --context ${context}`;
  if (!reason)
    return new CannotLook(
      "unknown",
      `the cluster of context "${context}" can't be looked at: ${said}`,
      `${kubectl} get --raw=/readyz`,
    );
  const when = reason.name === "credentials-expired" ? await expiry(ask) : "";
  return new CannotLook(
    reason.name,
    `${reason.problem}${when} (context "${context}"): ${said}`,
    reason.fix(kubectl),
  );
}

/**
 * Asks the API server who this machine is.
 *
 * @returns its clock, in milliseconds, exact to a second
 * @throws CannotLook where it gives no answer
 */
export async function serverTime(context: string, ask: Ask): Promise<number> {
  const { code, stdout, output } = await ask(["auth", "whoami", "--output=json"]);
  if (code !== 0) throw await reasonFor(context, output, ask);
  const { metadata } = JSON.parse(stdout) as { metadata: { creationTimestamp?: string } };
  return Date.parse(metadata.creationTimestamp ?? "") || Date.now();
}

/** The error for credentials that may not even list the pods of the stage. */
export const forbidden = (context: string, namespace: string, refusals: readonly string[]) =>
  new CannotLook(
    "forbidden",
    `the credentials of context "${context}" may not look into namespace ${namespace} (403):\n` +
      refusals.map((text) => `  ${text}`).join("\n"),
    `let them get and list there what is named, such as by the ClusterRole "view"; kubectl --context ${context} --namespace ${namespace} auth can-i --list shows their rights`,
  );
