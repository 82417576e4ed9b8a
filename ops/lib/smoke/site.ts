/** The public address of a stage, and requests to it as a browser sends them. */
import { lookup } from "node:dns";
import * as http from "node:http";
import * as https from "node:https";
import type { LookupFunction } from "node:net";
import { getCACertificates, type TLSSocket } from "node:tls";
import { cut } from "../output.ts";
import { Unexpected } from "./check.ts";

/** Where requests go, and whose certificates count. */
export interface Site {
  readonly url: URL;
  /** Where to connect, as an address or a name. @default where the name service leads to */
  readonly address?: string;
  /** Authorities (PEM) that are trusted beside those of this machine. @default none */
  readonly authorities?: readonly string[];
}

export interface Answer {
  /** The request, as in "GET /sign-in". */
  readonly request: string;
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** When the certificate ends with which the site answered; undefined over plain HTTP. */
  readonly certificateEnds?: Date;
}

interface Call {
  /** @default GET */
  readonly method?: string;
  /** Sent as JSON. @default no body */
  readonly body?: unknown;
  /** @default those that every request needs */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the complete answer may take. @default 10 s */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/** Looks this address up, whatever name is asked for. */
const leadTo =
  (address: string): LookupFunction =>
  (_name, options, callback) =>
    lookup(address, options, callback);

/** Connects elsewhere than to where the name service leads, and trusts more authorities, where the site says so. */
const connection = ({ address, authorities }: Site): https.RequestOptions => ({
  // A connection for each request, as there are few: one that was kept open may be closed at the moment of its next use.
  agent: false,
  ...(address && { lookup: leadTo(address) }),
  ...(authorities?.length && {
    ca: [...getCACertificates("default"), ...authorities],
    allowPartialTrustChain: true,
  }),
});

function reasonOf(error: Error & { readonly code?: string }, seconds: number | undefined): string {
  if (seconds) return `no complete answer within ${seconds} s`;
  // Where a name has several addresses, the error has no message of its own.
  return error.message || error.code || error.name;
}

/**
 * Sends one request.
 *
 * @throws Unexpected where there is no complete answer in time
 */
export function send(site: Site, path: string, call: Call = {}): Promise<Answer> {
  const { method = "GET", body, headers, timeoutMs = TIMEOUT_MS } = call;
  const { request: open } = site.url.protocol === "https:" ? https : http;
  const content = body === undefined ? "" : JSON.stringify(body);
  const signal = AbortSignal.timeout(timeoutMs);
  const request = `${method} ${path}`;
  const sent = { ...(content && { "Content-Type": "application/json" }), ...headers };
  const options = { ...connection(site), method, headers: sent, signal };
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      const reason = reasonOf(error, signal.aborted ? timeoutMs / 1000 : undefined);
      reject(new Unexpected(`${request}: ${reason}`));
    };
    const sending = open(new URL(path, site.url), options, (response) => {
      const end = (response.socket as Partial<TLSSocket>).getPeerCertificate?.().valid_to;
      const certificateEnds = end ? new Date(end) : undefined;
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", fail);
      response.on("end", () => {
        const { statusCode = 0, headers } = response;
        resolve({ request, status: statusCode, headers, body: text, certificateEnds });
      });
    });
    sending.on("error", fail);
    sending.end(content);
  });
}

const MOST_SHOWN = 120;

/** An answer in a line, with the beginning of its body. */
export function describe({ request, status, body }: Answer): string {
  const text = body.replace(/\s+/g, " ").trim();
  const shown = cut(text, MOST_SHOWN);
  return `${request}: ${status}${shown ? ` ${shown}` : ""}`;
}

/** @throws Unexpected unless the answer has the status, and its body what it should */
export function expectAnswer(answer: Answer, status: number, body?: RegExp): Answer {
  if (answer.status !== status) throw new Unexpected(describe(answer));
  if (body && !body.test(answer.body))
    throw new Unexpected(`${answer.request}: ${status}, but not the content that was expected`);
  return answer;
}

/** The body of an answer as JSON. */
export function jsonOf(answer: Answer): unknown {
  try {
    return JSON.parse(answer.body) as unknown;
  } catch {
    throw new Unexpected(`not JSON: ${describe(answer)}`);
  }
}
