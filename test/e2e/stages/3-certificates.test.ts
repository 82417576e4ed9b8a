/** cert-manager and the ACME server: a certificate is renewed before it expires, and no user notices. */
import assert from "node:assert/strict";
import { eventually, kubectlIn, sh } from "../support/shell.ts";
import { renew, servedSerials, staging, storedCertificate, trustedRoot } from "./support.ts";

const NAMESPACE = "todo-app-certificate-test";
/** Seconds between the issue of a certificate and its renewal. */
const LIFE_SECONDS = 15;

describe("a certificate of the ACME server", () => {
  let acme: string;
  before(async () => {
    acme = await trustedRoot();
  });

  it("is renewed on demand while the old one is served, in the same Secret", async () => {
    const old = await storedCertificate(staging);
    const serials = await servedSerials(staging.host, acme, async () => {
      await renew(staging);
      await eventually(120, async () => {
        const { certificate } = await storedCertificate(staging);
        assert.notEqual(certificate.serialNumber, old.certificate.serialNumber);
      });
    });
    const { uid, certificate } = await storedCertificate(staging);
    assert.equal(uid, old.uid);
    assert.equal(serials[0], old.certificate.serialNumber);
    await eventually(30, async () => {
      const [served] = await servedSerials(staging.host, acme, () => Promise.resolve());
      assert.equal(served, certificate.serialNumber);
    });
  });

  it("is renewed when the configured part of its lifetime is over", async () => {
    const kubectl = kubectlIn(NAMESPACE);
    const json = async (args: string) => JSON.parse(await kubectl(`${args} -o json`));
    const { certificate } = await storedCertificate(staging);
    const lifetime = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 1000;
    const create = async (kind: string, object: string, more: object = {}) => {
      const { apiVersion, spec } = await staging.json(`get ${kind} ${object}`);
      const copy = { apiVersion, kind, metadata: { name: object }, spec: { ...spec, ...more } };
      await kubectl(`create -f - <<'JSON'\n${JSON.stringify(copy)}\nJSON`);
    };
    await sh(`kubectl --context minikube create namespace ${NAMESPACE}`);
    try {
      await create("Issuer", "acme");
      await create("Certificate", "todo-app", {
        duration: `${lifetime}s`,
        renewBefore: `${lifetime - LIFE_SECONDS}s`,
        renewBeforePercentage: undefined,
      });
      await kubectl("wait certificate todo-app --for=condition=Ready --timeout=180s");
      const first = await storedCertificate({ json });
      assert.equal(first.certificate.subjectAltName, `DNS:${staging.host}`);
      await eventually(180, async () => {
        const next = await storedCertificate({ json });
        assert.notEqual(next.certificate.serialNumber, first.certificate.serialNumber);
        assert.equal(next.uid, first.uid);
      });
    } finally {
      await sh(`kubectl --context minikube delete namespace ${NAMESPACE} --wait=false`);
    }
  });
});
