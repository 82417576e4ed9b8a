/** X.509 certificates with any lifetime, made without openssl. */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";

/** One element of DER (X.690): tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  const size = length < 128 ? [length] : long; // the shortest form: others are no DER
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const SEQUENCE = 0x30;
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));
const bits = (content: Buffer) => der(0x03, Buffer.from([0]), content);
const ECDSA_SHA256 = der(SEQUENCE, oid("2a8648ce3d040302"));

const nameOf = (commonName: string) =>
  der(SEQUENCE, der(0x31, der(SEQUENCE, oid("550403"), der(0x0c, Buffer.from(commonName)))));

/** A time as in 20260131120000Z. */
const time = (date: Date) =>
  der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\..*/g, "")}Z`));

/** An extension: of an authority that it may sign, of a server its name. */
function extension(host: string | undefined): Buffer {
  const [id, value] = host
    ? ["551d11", der(SEQUENCE, der(0x82, Buffer.from(host)))]
    : ["551d13", der(SEQUENCE, der(0x01, Buffer.from([0xff])))];
  return der(0xa3, der(SEQUENCE, der(SEQUENCE, oid(id), der(0x04, value))));
}

export interface Certificate {
  readonly name: string;
  readonly pem: string;
  readonly privateKey: KeyObject;
}

/**
 * A certificate of an authority, or that of a server where it has a host.
 *
 * @param options.issuer who signs it @default itself
 * @param options.days how long it is valid from now on @default 90
 */
export function certificate(
  name: string,
  options: { readonly issuer?: Certificate; readonly host?: string; readonly days?: number } = {},
): Certificate {
  const { issuer, host, days = 90 } = options;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const begin = new Date(Date.now() - 3_600_000);
  const end = new Date(Date.now() + days * 86_400_000);
  const content = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    nameOf(issuer?.name ?? name),
    der(SEQUENCE, time(begin), time(end)),
    nameOf(name),
    publicKey.export({ type: "spki", format: "der" }),
    extension(host),
  );
  const signature = sign("sha256", content, issuer?.privateKey ?? privateKey);
  const body = der(SEQUENCE, content, ECDSA_SHA256, bits(signature)).toString("base64");
  const pem = `-----BEGIN CERTIFICATE-----\n${body.replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
  return { name, pem, privateKey };
}
