/** Logs a pipeline in to the state of Pulumi and to the registry of a stage. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { idToken } from "./oidc.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Start = typeof run;

async function must(start: Start, command: readonly [string, ...string[]], input?: string) {
  const { code, output, stdout } = await start(command, input);
  if (code === 0) return stdout.trim();
  throw new OperatorError(
    `${command.slice(0, 2).join(" ")} failed: ${output.trim()}`,
    'docs/pipelines.md, "Set it up", says what it needs',
  );
}

/** Logs in to Pulumi Cloud with the token of GitHub. A file passes it, because every user sees a command line. */
async function loginByToken(organization: string, start: Start): Promise<void> {
  const token = await idToken(`urn:pulumi:org:${organization}`);
  const folder = mkdtempSync(join(tmpdir(), "todo-app-login-"));
  try {
    const file = join(folder, "token");
    writeFileSync(file, token, { mode: 0o600 });
    const options = ["--oidc-token", `file://${file}`, "--oidc-org", organization] as const;
    await must(start, ["pulumi", "login", ...options, "--default-org", organization]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Logs in to the backend that the environment names. Pulumi keeps the login.
 *
 * @returns what to tell the operator
 */
export async function loginToPulumi(env: Environment, start: Start = run): Promise<string> {
  const { PULUMI_BACKEND_URL: url, PULUMI_ACCESS_TOKEN: token, PULUMI_ORGANIZATION: org } = env;
  if (url) {
    await must(start, ["pulumi", "login", url]);
    return `pulumi: ${url}`;
  }
  if (token) {
    await must(start, ["pulumi", "login", ...(org ? ["--default-org", org] : [])]);
    return "pulumi: Pulumi Cloud, with PULUMI_ACCESS_TOKEN";
  }
  if (org) {
    await loginByToken(org, start);
    return `pulumi: Pulumi Cloud, organization ${org}, with the token of GitHub Actions`;
  }
  throw new OperatorError(
    "nothing says where the state of the stack is",
    "set PULUMI_ORGANIZATION for Pulumi Cloud, or PULUMI_BACKEND_URL for a bucket",
  );
}

/** The region of a registry of Amazon; undefined for another one. */
const amazonRegion = (registry: string) =>
  /^\d+\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com/.exec(registry)?.[1];

/** Whether a registry is that of GitHub, or of the GitHub server that runs the job: no other gets the job's token. */
function isOfGithub(registry: string, { GITHUB_SERVER_URL: server }: Environment): boolean {
  return registry === "ghcr.io" || (!!server && registry === `containers.${new URL(server).host}`);
}

/** The login for a registry; undefined where there is none, and Docker's own one counts. */
async function credentials(registry: string, env: Environment, start: Start) {
  const region = amazonRegion(registry);
  if (region) {
    const password = await must(start, ["aws", "ecr", "get-login-password", "--region", region]);
    return { username: "AWS", password };
  }
  const { GITHUB_ACTOR: username, GITHUB_TOKEN: password } = env;
  return isOfGithub(registry, env) && username && password ? { username, password } : undefined;
}

/** Logs Docker in to the registry of a stage. @returns what to tell the operator */
export async function loginToRegistry(
  registry: string,
  env: Environment,
  start: Start = run,
): Promise<string> {
  const found = await credentials(registry, env, start);
  if (!found) return `registry: ${registry}, without a login`;
  const { username, password } = found;
  const options = ["--username", username, "--password-stdin"] as const;
  await must(start, ["docker", "login", registry, ...options], password);
  return `registry: ${registry}, as ${username}`;
}
