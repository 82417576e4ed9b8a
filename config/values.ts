/** Schemas for the kinds of values in a stage file. The error of each says what is allowed. */
import { isIP } from "node:net";
import { z } from "zod";
import { QUANTITY, cpuMillicores, memoryBytes } from "../components/kubernetes/resources.ts";
import { isCron } from "./cron.ts";
import { DIGEST_REFERENCE, certificatesIn, hasPrivateKey } from "./formats.ts";

/** Turns a number into text, because `pulumi config set --path` stores a text of digits as a number. */
const numberAsText = (value: unknown) => (Number.isSafeInteger(value) ? String(value) : value);
/** Text that matches a pattern. Its default is set with `prefault`, so that the JSON Schema for editors shows it. */
export const text = (pattern: RegExp, allowed: string) =>
  z.preprocess(numberAsText, z.string({ error: allowed }).regex(pattern, { error: allowed }));
/** A URL that matches a pattern. With `abort`, a value that does not look like a URL is one problem, not two. */
export const url = (pattern: RegExp, allowed: string) =>
  z
    .string({ error: allowed })
    .regex(pattern, { error: allowed, abort: true })
    .refine((value) => !value || URL.canParse(value), { error: allowed });
/** The pattern, or an empty string: Pulumi.yaml must give every key a default, so "not set" is an empty string. */
const orEmpty = (pattern: RegExp) => new RegExp(`^$|${pattern.source}`);
export const optionalText = (pattern: RegExp, allowed: string) =>
  text(orEmpty(pattern), allowed).prefault("");
export const optionalUrl = (pattern: RegExp, allowed: string) =>
  url(orEmpty(pattern), allowed).default("");
export const integer = (min: number, max: number) => {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
/** One of these values. The error adds the hint. */
export const oneOf = <const T extends readonly [string, ...string[]]>(values: T, hint = "") =>
  z.enum(values, { error: `one of ${values.join(", ")}${hint}` });
export const flag = () => z.boolean({ error: "true or false" });
export const object = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? `one of ${Object.keys(shape).join(", ")}` : "an object",
  });

/** Certificates in PEM form, or an empty string. Text around the certificates is dropped. */
export const certificates = () => {
  const error = "a certificate in PEM form, without its key";
  return z
    .string({ error })
    .regex(/^$|-----BEGIN CERTIFICATE-----/, { error, abort: true })
    .refine((value) => !hasPrivateKey(value), { error, abort: true })
    .refine((value) => !value || certificatesIn(value), { error })
    .transform(certificatesIn)
    .prefault("");
};
/** Keys, at any depth, whose values are files in PEM form. */
export const PEM_KEYS = ["caCertificate", "caBundle"];
export const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
export const OBJECT_NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;
/** A label of Kubernetes as kubectl writes it: an optional prefix, a name and a value. */
const LABEL =
  /^([a-z0-9]([-.a-z0-9]*[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?=([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/;
export const labels = () =>
  z.array(text(LABEL, 'labels such as "release=prometheus"'), { error: "a list of labels" });
/** A host name and not an IP address, which an Ingress refuses and no public authority certifies. */
export const HOST_NAME =
  /^(?=.{1,253}$)(?![\d.]+$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/;

function isCidr(range: string): boolean {
  const [ip, length = "", ...more] = range.split("/");
  const bits = { 4: 32, 6: 128 }[isIP(ip!)];
  return bits !== undefined && !more.length && /^\d+$/.test(length) && Number(length) <= bits;
}

/** A Kubernetes quantity. In YAML it may be a number. */
const quantity = (isRight: (value: string) => boolean, allowed: string) =>
  z
    .union([z.string().regex(QUANTITY, { error: allowed }), z.number()], { error: allowed })
    .transform(String)
    .refine(isRight, { error: allowed });
const between = (least: number, amount: number, most: number) => least <= amount && amount <= most;
export const cpu = quantity(
  (value) => between(1, cpuMillicores(value), 1e8) && Number.isInteger(cpuMillicores(value)),
  'CPU such as "250m", "1" or 0.5: whole millicores, up to 100000 cores',
);
export const memory = quantity(
  (value) => between(2 ** 20, memoryBytes(value), 2 ** 50),
  'memory such as "128Mi", "512M" or "1Gi", from 1Mi to 1Pi',
);
/** A range of IP addresses (CIDR), IPv4 or IPv6. */
export const cidr = z
  .string({ error: 'an address range such as "10.0.0.0/8" or "fd00::/8"' })
  .refine(isCidr, { error: 'an address range such as "10.0.0.0/8" or "fd00::/8"' });
const CRON_ALLOWED =
  'five fields of cron, such as "17 2 * * *": minute, hour, day of the month, month, day of the week (0-6, Sunday is 0)';
/** A schedule of cron in numbers; Kubernetes would also take names and words such as @daily. */
export const cronSchedule = z
  .string({ error: CRON_ALLOWED })
  .regex(/^\S+( \S+){4}$/, { error: CRON_ALLOWED, abort: true })
  .refine(isCron, { error: CRON_ALLOWED });
export const prebuilt = text(
  DIGEST_REFERENCE,
  "an image reference by digest: name@sha256:<64 hex digits>",
);
