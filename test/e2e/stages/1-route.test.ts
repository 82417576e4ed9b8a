/**
 * Staging and production under their own host names: by Ingress, by Gateway API, and with a certificate of another
 * authority.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, sh } from "../support/shell.ts";
import { servesOverHttps } from "./route.ts";
import {
  production,
  servedCertificate,
  servedSerials,
  staging,
  storedCertificate,
  trustedRoot,
  upWithOverrides,
} from "./support.ts";

type Config = Record<string, any>;

for (const stage of [staging, production])
  describe(`${stage.name}, by Ingress`, () => {
    let acme: string;
    before(async () => {
      acme = await trustedRoot();
    });
    servesOverHttps(stage, () => acme);
  });

describe("production, deployed once more", () => {
  it("has nothing to change", async () => {
    assert.match(await production.up(), /Resources:\n +\d+ unchanged\n/);
    await production.hasNothingToChange();
  });
});

describe("staging, switched", () => {
  const byGateway = (config: Config) => ({
    "todo-app:route": { ...config["todo-app:route"], kind: "gateway", className: "traefik" },
  });
  const serial = async () => (await storedCertificate(staging)).certificate.serialNumber;
  let acme: string;
  let original: Awaited<ReturnType<typeof storedCertificate>>;
  before(async () => {
    acme = await trustedRoot();
    original = await storedCertificate(staging);
  });
  after(() => staging.up());

  describe("to Gateway API", () => {
    before(() => upWithOverrides(staging, byGateway));
    servesOverHttps(staging, () => acme);

    it("has a Gateway and no Ingress, and kept its certificate", async () => {
      assert.equal(await staging.kubectl("get ingress -o name"), "");
      const { uid, certificate } = await storedCertificate(staging);
      assert.equal(uid, original.uid);
      assert.equal(certificate.serialNumber, original.certificate.serialNumber);
    });
  });

  describe("to an authority whose key is in a Secret", () => {
    const SECRET = "local-authority";
    const folder = mkdtempSync(join(tmpdir(), "todo-app-authority-"));
    let authority: string;
    before(async () => {
      await sh(
        `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 ` +
          `-subj '/CN=Local authority' -keyout ${folder}/key -out ${folder}/crt 2>&1`,
      );
      authority = readFileSync(join(folder, "crt"), "utf8");
      await staging.kubectl(`create secret tls ${SECRET} --cert ${folder}/crt --key ${folder}/key`);
    });
    after(async () => {
      rmSync(folder, { recursive: true });
      await staging.kubectl(`delete secret ${SECRET}`);
    });

    it("gets a new certificate, and serves the old one until then", async () => {
      const serials = await servedSerials(staging.host, `${acme}\n${authority}`, async () => {
        await upWithOverrides(staging, (config) => ({
          ...byGateway(config),
          "todo-app:tls": { issuer: "ca", caSecretName: SECRET },
        }));
        await eventually(60, async () => {
          await servedCertificate(staging.host, authority);
        });
      });
      assert.equal(serials.length, 2, serials.join());
      assert.equal(serials[0], original.certificate.serialNumber);
      assert.equal(serials[1], await serial());
    });
  });

  describe("back to Ingress and the ACME server", () => {
    before(() => staging.up());
    servesOverHttps(staging, () => acme);

    it("has a new certificate in the same Secret", async () => {
      const { uid, certificate } = await storedCertificate(staging);
      assert.equal(uid, original.uid);
      assert.notEqual(certificate.serialNumber, original.certificate.serialNumber);
      assert.equal(await staging.kubectl("get gateway,httproute -o name"), "");
    });
  });
});
