/** The services outside the stack that the app calls by their URL. */
import { outside, type Peer } from "../components/kubernetes/network.ts";
import type { Stage } from "./schema.ts";

/**
 * A service outside the stack: the environment variables that tell the app about it, and the peers that the app must be
 * allowed to call. Both are empty if the stage has no such service.
 */
export interface Integration {
  readonly settings: Readonly<Record<string, string>>;
  readonly callees: readonly Peer[];
}

const DEFAULT_PORTS = { "postgresql:": 5432, "postgres:": 5432, "https:": 443, "http:": 80 };

/** The port of a URL: the usual one of its protocol where the URL names none. */
export function urlPort(address: string): number {
  const { port, protocol } = new URL(address);
  return Number(port || DEFAULT_PORTS[protocol as keyof typeof DEFAULT_PORTS]);
}

export function languageModel({ provider, model, baseUrl }: Stage["llm"]): Integration {
  if (provider === "builtin") return { settings: { LLM_PROVIDER: provider }, callees: [] };
  return {
    settings: { LLM_PROVIDER: provider, LLM_MODEL: model, OPENAI_BASE_URL: baseUrl },
    callees: [outside(urlPort(baseUrl))],
  };
}

export function traceCollector({ endpoint }: Stage["tracing"]): Integration {
  if (!endpoint) return { settings: {}, callees: [] };
  return {
    settings: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    callees: [outside(urlPort(endpoint))],
  };
}
