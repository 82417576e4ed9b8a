import { z } from "zod";
import { once } from "@/lib/once";

/** A URL of one of these kinds; secret ones hold a password, so errors never quote them. */
function url(schemes: string, example: string, secret = false) {
  const wanted = `expected a URL like ${example}`;
  return z
    .string({ error: `is not set; ${wanted}` })
    .refine((value) => new RegExp(`^(${schemes})://`).test(value) && URL.canParse(value), {
      error: ({ input }) =>
        secret ? `is not valid; ${wanted}` : `"${input}" is not valid; ${wanted}`,
    });
}

const secret = z
  .string({ error: "is not set; expected at least 32 random characters" })
  .min(32, { error: "is too short; expected at least 32 random characters" });

const schema = z.object({
  BACKEND_URL: url("https?", "http://backend:8000"),
  /** The public origin: cookies and the check of where requests come from depend on it. */
  FRONTEND_URL: url("https?", "https://todo.example.com"),
  DATABASE_URL: url(
    "postgres(ql(\\+psycopg)?)?",
    "postgresql://user:password@host:5432/database",
    true,
  ),
  BETTER_AUTH_SECRET: secret,
  BETTER_AUTH_SECRET_PREVIOUS: secret.optional(),
  ENVIRONMENT: z.string().default("dev"),
  METRICS_PORT: z
    .string()
    .default("9464")
    .refine((value) => /^\d+$/.test(value) && Number(value) > 0 && Number(value) < 65_536, {
      error: ({ input }) => `"${input}" is not a port; expected a number from 1 to 65535`,
    })
    .transform(Number),
  /** This app's own Service, asked for assets of another version during a rolling update. */
  PEER_URL: url("https?", "http://frontend:3000").optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url("https?", "http://collector:4318").optional(),
});

export type Settings = Readonly<z.infer<typeof schema>>;

/** Read at run time, so that one image serves every environment. */
export const settings = once("settings", (): Settings => {
  const given = Object.entries(process.env).filter(([, value]) => value !== "");
  const { data, error } = schema.safeParse(Object.fromEntries(given));
  if (data) return data;
  throw new Error(
    error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n"),
  );
});

export const isHttps = (): boolean => settings().FRONTEND_URL.startsWith("https:");
