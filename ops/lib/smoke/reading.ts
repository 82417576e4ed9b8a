/** The checks that leave nothing behind. */
import { Unexpected, type Check } from "./check.ts";
import type { Deployed, Target } from "./deployed.ts";
import { describe, expectAnswer, jsonOf, send, type Answer, type Site } from "./site.ts";

/** The numbers of an object that runs pods. */
interface Workload {
  readonly spec: { readonly replicas?: number; readonly instances?: number };
  readonly status?: {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly instances?: number;
    readonly readyInstances?: number;
  };
}

const WORKLOADS = ["Deployment", "StatefulSet", "Cluster"];

/** What is wrong with the pods of a workload, or how many are ready. */
async function podsOf({ kind, name, read }: Deployed): Promise<{ ok: boolean; text: string }> {
  const reading = await read();
  if (reading.state === "absent") return { ok: false, text: `${kind} ${name} is not there` };
  if (reading.state === "unknown")
    return { ok: false, text: `${kind} ${name} can't be read: ${reading.reason}` };
  const { spec, status = {} } = reading.object as Workload;
  const wanted = spec.replicas ?? spec.instances ?? 1;
  if (wanted === 0) return { ok: false, text: `${kind} ${name} is scaled to 0 pods` };
  const ready = status.readyReplicas ?? status.readyInstances ?? 0;
  // In a rollout that is stuck, there are more pods than wanted.
  const all = Math.max(wanted, status.replicas ?? status.instances ?? 0);
  if (ready < all) return { ok: false, text: `${kind} ${name} has ${ready} ready of ${all} pods` };
  return { ok: true, text: `${name} ${ready}/${all}` };
}

function pods({ objects, kubectl }: Target): Check {
  const workloads = objects.filter(({ kind }) => WORKLOADS.includes(kind));
  return {
    name: "pods",
    expected: "every pod of every workload ready",
    look: `${kubectl} get pods`,
    repeat: true,
    run: async () => {
      const found = await Promise.all(workloads.map(podsOf));
      const broken = workloads[found.findIndex(({ ok }) => !ok)];
      if (!broken) return found.map(({ text }) => text).join(", ");
      throw new Unexpected(
        found.flatMap(({ ok, text }) => (ok ? [] : [text])).join(", "),
        `${kubectl} describe ${broken.kind.toLowerCase()}/${broken.name}`,
      );
    },
  };
}

const MOST_REDIRECTS = 3;

/** Requests a page, and the pages that it leads to on the same site. */
async function follow(site: Site, path: string): Promise<Answer> {
  let answer = await send(site, path);
  for (let count = 0; count < MOST_REDIRECTS && answer.headers.location; count++) {
    const { origin, pathname, search } = new URL(answer.headers.location, site.url);
    if (origin !== site.url.origin)
      throw new Unexpected(`${answer.request}: ${answer.status}, leads to ${origin}`);
    answer = await send(site, pathname + search);
  }
  return answer;
}

const MIN_DAYS = 14;
const DAY_MS = 86_400_000;

function certificate(site: Site, { kubectl }: Target): Check {
  return {
    name: "certificate",
    expected: `a trusted certificate for ${site.url.hostname}, valid for at least ${MIN_DAYS} days`,
    look: `${kubectl} describe certificate,certificaterequest,order,challenge`,
    repeat: true,
    run: async () => {
      const { certificateEnds: end } = await send(site, "/sign-in");
      const days = Math.floor(((end?.getTime() ?? 0) - Date.now()) / DAY_MS);
      const found = `valid until ${end?.toISOString().slice(0, 10)}, for ${days} days`;
      if (days < MIN_DAYS) throw new Unexpected(found);
      return found;
    },
  };
}

/** The pages, as somebody sees them who is not signed in. */
function pages(site: Site, { kubectl }: Target): Check[] {
  const look = `${kubectl} logs deployment/frontend --tail 50`;
  return [
    {
      name: "page",
      expected: `200 with the app's page at ${site.url.origin}/`,
      look: `${kubectl} get ingress,gateway,service; ${look}`,
      repeat: true,
      run: async () => {
        const answer = expectAnswer(await follow(site, "/"), 200, /<title>[^<]*\bTodo<\/title>/);
        const where = site.address ? ` at ${site.address}, the address of the route` : "";
        return `${answer.request}: 200${where}`;
      },
    },
    {
      name: "sign-in page",
      expected: "200 with the form",
      look,
      repeat: true,
      run: async () => {
        const answer = await send(site, "/sign-in");
        return `${expectAnswer(answer, 200, /name="password"/).request}: 200`;
      },
    },
  ];
}

/** The API. Its health endpoints are for probes and not public, so this is what shows that the route leads to it. */
function api(site: Site, { kubectl }: Target): Check[] {
  const look = `${kubectl} logs deployment/backend --tail 50`;
  return [
    {
      name: "api",
      expected: "200 with the description of the API",
      look,
      repeat: true,
      run: async () => {
        const answer = expectAnswer(await send(site, "/api/openapi.json"), 200);
        const { info } = jsonOf(answer) as { info?: { title?: string; version?: string } };
        if (info?.title !== "Todo API") throw new Unexpected(describe(answer));
        return `${info.title} ${info.version}`;
      },
    },
    {
      name: "api without a token",
      expected: "401: nobody sees tasks without signing in",
      look,
      repeat: true,
      run: async () => `${expectAnswer(await send(site, "/api/tasks"), 401).request}: 401`,
    },
  ];
}

/** All of them. They only read, and what they read does not depend on who asks. */
export function readingChecks(target: Target, site: Site): Check[] {
  return [
    pods(target),
    ...(site.url.protocol === "https:" ? [certificate(site, target)] : []),
    ...pages(site, target),
    ...api(site, target),
  ];
}
