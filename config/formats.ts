/**
 * Formats of single values that one pattern cannot describe: image references, database URLs, PEM, public host names.
 */

const LABEL = "[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?";
const ADDRESS = "\\[[0-9a-fA-F:]+\\]";
const WORDS = "[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*";
const PATH = `${WORDS}(/${WORDS})*`;
const TAG = ":[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127}";
const DIGEST = "@sha256:[0-9a-f]{64}";
const HOST = `(${LABEL}(\\.${LABEL})*|${ADDRESS})(:[1-9][0-9]{0,4})?`;
const NAME = `(${HOST}/)?${PATH}`;

/**
 * Host of a registry. A host other than localhost needs a dot or a port: otherwise Docker takes it for a user of Docker
 * Hub.
 */
export const REGISTRY = new RegExp(
  `^(localhost|${LABEL}:[1-9][0-9]{0,4}|(${LABEL}(\\.${LABEL})+|${ADDRESS})(:[1-9][0-9]{0,4})?)$`,
);
/** Path of an image, without its registry: words with `.`, `_`, `__` or any number of `-` between them. */
export const REPOSITORY = new RegExp(`^${PATH}$`);
/** A registry, with or without a path. */
export const REGISTRY_PATH = new RegExp(`^${HOST}(/${PATH})?$`);
/** An image reference: https://github.com/distribution/reference */
export const IMAGE = new RegExp(`^${NAME}(${TAG})?(${DIGEST})?$`);
/** An image reference with a tag, a digest or both. */
export const VERSIONED_IMAGE = new RegExp(`^${NAME}(${TAG}|(${TAG})?${DIGEST})$`);
/** An image reference with a digest. */
export const DIGEST_REFERENCE = new RegExp(`^${NAME}(${TAG})?${DIGEST}$`);

/**
 * The form of a database URL, for errors. It shows how to encode the characters that would end a password too early.
 */
export const DATABASE_URL_FORM =
  "postgresql://user:password@host:port/database?sslmode=verify-full, " +
  "user and password percent-encoded: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25";
/** Refuses a second @, and one after the host: it is part of a password that is not percent-encoded. */
const DATABASE_URL =
  /^postgres(?:ql)?:\/\/[^\s:@/?#]+(?::[^\s@/?#]*)?@(?:\[[\da-fA-F:.]+\]|[\w-]+(?:\.[\w-]+)*)(?::\d{1,5})?(?:\/([^\s/?#@%]*))?(?:\?[^\s#@]*)?$/;

/**
 * Parameters that both drivers accept. psycopg hands them to libpq, which refuses those that it does not know;
 * node-postgres ignores some.
 */
const PARAMETERS = [
  "sslmode",
  "sslnegotiation",
  "channel_binding",
  "application_name",
  "options",
  "connect_timeout",
  "keepalives",
  "keepalives_idle",
  "keepalives_interval",
  "keepalives_count",
  "target_session_attrs",
  "gssencmode",
];
/** Parameters whose values are names of files. */
const FILES = ["sslcert", "sslkey", "sslcrl", "sslcrldir", "passfile", "service", "servicefile"];

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function parameterProblem(parameters: URLSearchParams): string | undefined {
  const names = [...parameters.keys()];
  const files = names.filter((name) => FILES.includes(name));
  if (files.length) return `a URL without ${files.join(", ")}: no pod has such a file`;
  if (names.includes("sslrootcert"))
    return "a URL without sslrootcert: the PEM belongs to database.caCertificate";
  const unknown = names.filter((name) => !PARAMETERS.includes(name));
  if (unknown.length)
    return `a URL without ${unknown.join(", ")}, which PostgreSQL's drivers refuse; they take ${PARAMETERS.join(", ")}`;
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  return repeated.length ? `a URL that has ${repeated.join(", ")} only once` : undefined;
}

/**
 * What is allowed in place of this URL of an external database; undefined if the URL is valid. The text may contain the
 * names of the URL's parameters, but no other part of it.
 */
export function databaseUrlProblem(value: string): string | undefined {
  const match = DATABASE_URL.exec(value);
  if (!match || !isDecodable(value) || !URL.canParse(value)) return DATABASE_URL_FORM;
  const { port, searchParams } = new URL(value);
  if (Number(port || 5432) === 0) return DATABASE_URL_FORM;
  if (!match[1]) return "a URL with the database's name after the host: postgresql://…/database?…";
  return parameterProblem(searchParams);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----/g;

/**
 * Extracts the PEM certificates from a text. Windows line ends are converted, and text around the certificates, as many
 * tools write it, is dropped. Returns an empty string if there is no certificate, or if one is broken.
 */
export function certificatesIn(value: string): string {
  const text = value.replace(/[ \t]*\r?\n/g, "\n");
  const found = text.match(CERTIFICATE) ?? [];
  const begun = text.split("-----BEGIN CERTIFICATE-----").length - 1;
  return found.length === begun ? found.map((pem) => `${pem}\n`).join("") : "";
}

/** Whether a text contains a private key in PEM form. */
export const hasPrivateKey = (value: string) => /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(value);

/** Top-level domains that exist on no public name server (RFC 2606, RFC 6761, RFC 6762 appendix G, ICANN's "internal"). */
const PRIVATE_DOMAINS =
  /(^|\.)(local|localhost|test|example|invalid|internal|intranet|private|corp|home|lan|onion|alt|home\.arpa)$/;

/** Whether a public certificate authority could reach the host. */
export const isPublicHost = (host: string) => !PRIVATE_DOMAINS.test(host);

/**
 * Whether Let's Encrypt accepts the e-mail address for an account. It refuses reserved example domains (RFC 2606),
 * domains that are not a public name, and characters outside ASCII.
 */
export function isPublicMailbox(email: string): boolean {
  const domain = email.split("@")[1]!.toLowerCase();
  const isName = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])$/.test(domain);
  const isExample = /(^|\.)example\.(com|net|org)$/.test(domain);
  return /^[!-~]+$/.test(email) && isName && !isExample && isPublicHost(domain);
}
