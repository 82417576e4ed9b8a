import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { sslMode, tlsProblem } from "@/lib/databaseTls";
import { once } from "@/lib/once";
import { readSecretFiles, reason } from "@/lib/secretFiles";

const isHttpsUrl = (url: string): boolean => url.startsWith("https:");

/**
 * A URL with one of the schemes. Errors never quote a secret URL, because it contains a password.
 */
function url(schemes: string, example: string, secret = false) {
  const wanted = `expected a URL like ${example}`;
  return z
    .string({ error: `is not set; ${wanted}` })
    .refine((value) => new RegExp(`^(${schemes})://`).test(value) && URL.canParse(value), {
      error: ({ input }) =>
        secret ? `is not valid; ${wanted}` : `"${input}" is not valid; ${wanted}`,
      abort: true,
    });
}

const databaseUrl = url(
  "postgres(ql(\\+psycopg)?)?",
  "postgresql://user:password@host:5432/database",
  true,
).superRefine((value, { addIssue }) => {
  const problem = tlsProblem(value);
  if (problem) addIssue(problem);
});

/** The certificates in a PEM file, checked at the start and not only with the first connection. */
const certificates = z.string().transform((path, { addIssue }) => {
  try {
    const pem = readFileSync(path, "utf8");
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    const unreadable = (error as NodeJS.ErrnoException).syscall !== undefined;
    const problem = unreadable
      ? `can't be read: ${reason(error)}`
      : "contains no certificate in PEM format";
    addIssue(`${path} ${problem}`);
    return z.NEVER;
  }
});

const secret = z
  .string({ error: "is not set; expected at least 32 random characters" })
  .min(32, { error: "is too short; expected at least 32 random characters" });

const ORIGIN = /^https?:\/\/[^/?#*\s]+$/;

/** A list of origins, separated by commas. */
const origins = z
  .string()
  .default("")
  .transform((list) => list.split(",").map((origin) => origin.trim().replace(/\/$/, "")))
  .transform((list) => list.filter((origin) => origin !== ""))
  .superRefine((list, { addIssue }) => {
    for (const origin of list.filter((one) => !ORIGIN.test(one) || !URL.canParse(one)))
      addIssue(`"${origin}" is not valid; expected origins like https://todo.example.com:8443`);
  });

const variables = z.object({
  BACKEND_URL: url("https?", "http://backend:8000"),
  /**
   * The public origin. It decides about secure cookies and which origins requests may come from.
   */
  FRONTEND_URL: url("https?", "https://todo.example.com"),
  /** Further origins under which browsers reach the app. */
  PUBLIC_URLS: origins,
  /** To be turned off if TLS ends in front of a proxy that reports every request as HTTP. */
  HTTPS_REDIRECT: z
    .enum(["true", "false"], { error: ({ input }) => `"${input}" is neither true nor false` })
    .default("true")
    .transform((value) => value === "true"),
  /** The header in which proxies name the client. */
  CLIENT_IP_HEADER: z
    .string()
    .default("x-forwarded-for")
    .refine((value) => /^[\w-]+$/.test(value), {
      error: ({ input }) => `"${input}" is not the name of a header, like x-forwarded-for`,
    })
    .transform((value) => value.toLowerCase()),
  /** How many proxies in front of the app append to that header; with 0, the header is ignored. */
  TRUSTED_PROXIES: z
    .string()
    .default("1")
    .refine((value) => /^\d$/.test(value), {
      error: ({ input }) => `"${input}" is not a number of proxies from 0 to 9`,
    })
    .transform(Number),
  DATABASE_URL: databaseUrl,
  DATABASE_CA_FILE: certificates.optional(),
  BETTER_AUTH_SECRET: secret,
  BETTER_AUTH_SECRET_PREVIOUS: secret.optional(),
  BETTER_AUTH_SECRET_NEXT: secret.optional(),
  ENVIRONMENT: z.string().default("dev"),
  METRICS_PORT: z
    .string()
    .default("9464")
    .refine((value) => /^\d+$/.test(value) && Number(value) > 0 && Number(value) < 65_536, {
      error: ({ input }) => `"${input}" is not a port; expected a number from 1 to 65535`,
    })
    .transform(Number),
  /** For how many seconds browsers use only HTTPS. */
  HSTS_MAX_AGE: z
    .string()
    .regex(/^\d{1,10}$/, { error: ({ input }) => `"${input}" is not a number of seconds` })
    .transform(Number)
    .optional(),
  /** The frontend's own Service: during a rolling update, it has assets of the other version. */
  PEER_URL: url("https?", "http://frontend:3000").optional(),
  /** Of a release that runs beside another one: its pages name it in their calls of the API. */
  RELEASE_TRACK: z
    .string()
    .regex(/^[\w-]+$/, { error: ({ input }) => `"${input}" is not a name` })
    .optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url("https?", "http://collector:4318").optional(),
});

const schema = variables
  .refine((given) => given.DATABASE_CA_FILE || sslMode(given.DATABASE_URL) !== "verify-ca", {
    path: ["DATABASE_CA_FILE"],
    error: "is not set, but DATABASE_URL has sslmode=verify-ca",
  })
  .refine(
    ({ FRONTEND_URL, PUBLIC_URLS }) =>
      !isHttpsUrl(FRONTEND_URL) || PUBLIC_URLS.every((origin) => isHttpsUrl(origin)),
    {
      path: ["PUBLIC_URLS"],
      error: "must contain only https:// origins: with FRONTEND_URL https://, cookies need HTTPS",
    },
  );

const IN_FILES = [
  "DATABASE_URL",
  "BETTER_AUTH_SECRET",
  "BETTER_AUTH_SECRET_PREVIOUS",
  "BETTER_AUTH_SECRET_NEXT",
];

export type Settings = Readonly<z.infer<typeof schema>>;

/** Throws one line for each variable that is missing or wrong; an empty one counts as not set. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => !!entry[1]),
  );
  const files = readSecretFiles(IN_FILES, given);
  const { data, error } = schema.safeParse({ ...given, ...files.values });
  const problems = (error?.issues ?? [])
    .filter(({ path }) => !(String(path[0]) in files.problems))
    .map(({ path, message }) => `${path.join(".")}: ${message}`)
    .concat(Object.values(files.problems));
  if (!data || problems.length > 0) throw new Error(problems.join("\n"));
  return data;
}

/** The settings, read at run time so that one image works in every environment. */
export const settings = once("settings", () => readSettings(process.env));

export const isHttps = (): boolean => isHttpsUrl(settings().FRONTEND_URL);

/** The secrets with which a valid signature can be made: current, previous and next. */
export function knownSecrets(): string[] {
  const { BETTER_AUTH_SECRET, BETTER_AUTH_SECRET_PREVIOUS, BETTER_AUTH_SECRET_NEXT } = settings();
  const secrets = [BETTER_AUTH_SECRET, BETTER_AUTH_SECRET_PREVIOUS, BETTER_AUTH_SECRET_NEXT];
  return secrets.filter((secret) => secret !== undefined);
}
