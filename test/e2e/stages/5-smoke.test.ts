/** `make smoke` of stages by HTTPS: staging is used, production is only read. */
import assert from "node:assert/strict";
import { failed, smoke } from "../support/smoke.ts";
import { production, staging, trustedRoot, type Stage } from "./support.ts";

/** How many rows each table has in the stage's database, which is outside the cluster. */
const counts = ({ kubectl }: Stage) =>
  kubectl(
    `exec deployment/backend -- python -c 'from sqlalchemy import text
from app.database import build_engine
from app.settings import DatabaseSettings, load
with build_engine(load(DatabaseSettings).sqlalchemy_url).connect() as connection:
    for table in ("auth_user", "auth_session", "tasks", "chat_usage", "auth_rate_limit"):
        print(table, connection.scalar(text("SELECT count(*) FROM " + table)))'`,
  );

describe("make smoke", () => {
  before(async () => {
    await trustedRoot(); // certificates from before the ACME server's last start are renewed
    for (const stage of [staging, production]) await stage.rolledOut();
  });

  it("uses staging, names the assistant, which has no language model here, and leaves nothing", async () => {
    const rows = async () => (await counts(staging)).replace(/auth_rate_limit.*/, "");
    const before = await rows();
    const { code, report } = await smoke("staging");
    assert.deepEqual([report.mode, report.url], ["write", `https://${staging.host}`]);
    assert.equal(code, 1);
    const [assistant, ...others] = failed(report);
    assert.match(assistant!, /^assistant: POST \/api\/chat: ./);
    assert.deepEqual(others, []);
    assert.match(
      report.checks.find(({ name }) => name === "certificate")!.found,
      /^valid until \d{4}-\d\d-\d\d, for \d\d days$/,
    );
    assert.equal(await rows(), before);
  });

  it("only reads production, and leaves nothing at all", async () => {
    const before = await counts(production);
    const { code, report } = await smoke("production");
    assert.deepEqual(failed(report), []);
    assert.deepEqual([code, report.mode], [0, "read-only"]);
    assert.deepEqual(
      report.checks.map(({ name }) => name),
      ["pods", "certificate", "page", "sign-in page", "api", "api without a token"],
    );
    assert.equal(await counts(production), before);
  });
});
