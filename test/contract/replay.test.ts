// Replays, one by one, the requests that need no daemon: the plugin in use must answer as the official one did.
//
// CONTRACT_STEP and CONTRACT_PROVIDER narrow the run, for instance CONTRACT_STEP=05 CONTRACT_PROVIDER=docker.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Plugin, type Answer } from "./plugin.ts";
import { exchanges, normalise, normaliseRandom, steps, type Exchange } from "./recordings.ts";

/** Whether the answer to a request depends on nothing outside the plugin. */
function selfContained({ provider, method, request }: Exchange): boolean {
  if (provider === "random") return true;
  return Boolean(request.preview) || !/^(Create|Update)$/.test(method);
}

function comparable({ response, error }: Answer, provider: string) {
  const form = provider === "random" ? normaliseRandom : normalise;
  return { response: form(response), error: error && normalise(error) };
}

/** Every difference between the recorded answers and the plugin's, as text. */
async function differences(plugin: Plugin, list: Exchange[]): Promise<string[]> {
  const found: string[] = [];
  for (const { provider, method, request, answer } of list) {
    const actual = await plugin.call(method, request);
    try {
      assert.deepEqual(comparable(actual, provider), comparable(answer, provider));
    } catch (difference) {
      found.push(`${method} ${request.urn}\n${(difference as Error).message}`);
    }
  }
  return found;
}

describe("replay of self-contained requests", function () {
  this.timeout(60_000);
  let program: string;
  before(() => {
    program = mkdtempSync(join(tmpdir(), "contract-"));
    mkdirSync(join(program, "ctx"));
    writeFileSync(join(program, "ctx", "Dockerfile"), "FROM scratch\n");
  });
  after(() => rmSync(program, { recursive: true }));

  for (const name of ["random", "docker"].filter((p) =>
    p.includes(process.env.CONTRACT_PROVIDER ?? ""),
  ))
    describe(name, () => {
      let plugin: Plugin | undefined;
      beforeEach(async () => void (plugin = await Plugin.start(name, program)));
      afterEach(() => plugin?.stop());

      it("gives its version", async () => {
        const { response } = await plugin!.call("GetPluginInfo", {});
        assert.match(String(response?.version), /^v?\d+\.\d+\.\d+$/);
      });

      for (const step of steps.filter((s) => s.startsWith(process.env.CONTRACT_STEP ?? ""))) {
        const list = exchanges(step).filter((e) => e.provider === name && selfContained(e));
        if (list.length === 0) continue;
        it(`answers the ${list.length} requests of ${step} as recorded`, async () => {
          const found = await differences(plugin!, list);
          assert.equal(
            found.length,
            0,
            `${found.length} of ${list.length} differ\n\n${found.slice(0, 5).join("\n\n")}`,
          );
        });
      }
    });
});
