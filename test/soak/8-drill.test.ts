/** A backup, a drill and a restore of a database of about 1 GB, with the defaults of the stage but for the size of its volumes. */
import assert from "node:assert/strict";
import { closeSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { authorization, callApi, signUp, type Account } from "../e2e/support/api.ts";
import { removeStage } from "../e2e/support/kills.ts";
import { underLoad } from "../e2e/support/load.ts";
import { attempt, eventually, makeCheckout } from "../e2e/support/shell.ts";
import { note } from "./figures.ts";
import { ownStage } from "../e2e/support/ownStage.ts";

const stage = ownStage("drill");
const ROWS = Number(process.env.ROWS ?? 1_000_000);
/** Tasks of users that do not exist, with a kilobyte of random text each: it can't be compressed below half of that. */
const FILL = `
  insert into tasks (id, user_id, title, notes, tags)
  select gen_random_uuid(), 'user-' || i % 1000, 'Task ' || i,
    (select string_agg(encode(sha512(convert_to(i || '-' || j || random(), 'UTF8')), 'hex'), '')
     from generate_series(1, 7) as j), array['filled']
  from generate_series(1, ${ROWS}) as i`.replaceAll(/\s+/g, " ");
const COUNT = `select string_agg(t || ':' || n, ' ' order by t) from (
  select relname as t, (xpath('/row/n/text()', query_to_xml('select count(*) as n from ' || quote_ident(relname), false, true, '')))[1] as n
  from pg_stat_user_tables) as counts`.replaceAll(/\s+/g, " ");
const LOAD = [
  { method: "GET", path: "/api/tasks" },
  { method: "GET", path: "/" },
] as const;

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
const took = (what: string, seconds: number) =>
  console.log(`      ${what} ${seconds.toFixed(0)} s`);

describe(`a database of ${ROWS} tasks`, () => {
  let cwd: string;
  let account: Account;
  let backup: string;
  let dump: string;
  let counts: string;

  const make = (target: string) => attempt(`make ${target} STAGE=${stage.name}`, { cwd });
  const succeeds = async (target: string) => {
    const outcome = await make(target);
    assert.equal(outcome.code, 0, outcome.output);
    return outcome;
  };
  const tasks = () => callApi(account, "/api/tasks");
  /** Adds a task that the user sees. */
  const add = (title: string) =>
    callApi(account, "/api/tasks", { method: "POST", body: { title } });

  before(async () => {
    cwd = await makeCheckout();
    stage.writeFile(cwd, () => ({
      "todo-app:database": { mode: "in-cluster", storage: "6Gi" },
      "todo-app:backup": { enabled: true, storage: "4Gi" },
    }));
    await stage.make("up", cwd);
    account = await signUp(stage.host);
  });
  after(async () => {
    await removeStage(stage.name, cwd);
    rmSync(cwd, { recursive: true });
  });

  it("is filled", async () => {
    const begin = Date.now();
    await stage.psql(FILL);
    await add("Before the backup");
    counts = await stage.psql(COUNT);
    const size = Number(await stage.psql("select pg_database_size('todo')"));
    assert.ok(size > 1000 * ROWS, `${size} bytes`);
    took(`${gibibytes(size)}, filled in`, (Date.now() - begin) / 1000);
  });

  it("is backed up", async () => {
    const { output, seconds } = await succeeds("backup");
    backup = /^backup (\d{8}-\d{6}) of drill: /m.exec(output)![1]!;
    dump = join(await stage.folderOf("backups"), backup, "dump");
    took(`make backup: ${gibibytes(statSync(dump).size)} in`, seconds);
  });

  it("is restored by a drill, row by row", async () => {
    const { output, seconds } = await succeeds("drill");
    const rows = counts.split(" ").reduce((sum, each) => sum + Number(each.split(":")[1]), 0);
    const [, found] = /can be restored: \d+ tables with (\d+) rows /.exec(output)!;
    assert.equal(Number(found), rows);
    took("make drill:", seconds);
  });

  it("is restored beside the one in use, under load", async () => {
    await add("After the backup");
    const headers = {
      Host: stage.host,
      Cookie: account.cookie,
      ...(await authorization(account)),
    };
    let seconds = 0;
    const outcome = await underLoad(
      "todo-app.local", // every stage is served at the same address
      headers,
      LOAD,
      async () => {
        ({ seconds } = await succeeds(`restore BACKUP=${backup}`));
      },
      { connections: 2, pauseMs: 200 },
    );
    note("restore of 1 GB", outcome, `${seconds.toFixed(0)} s`);
    took("make restore:", seconds);
    for (const failure of outcome.failures.slice(0, 20)) console.log(`      ${failure}`);
    // The sessions of the app are ended once, while two names change.
    assert.ok(outcome.gapMilliseconds < 10_000, `no answer for ${outcome.gapMilliseconds} ms`);
    await eventually(30, async () => {
      const { items } = (await tasks()) as { items: readonly { title: string }[] };
      assert.deepEqual(
        items.map(({ title }) => title),
        ["Before the backup"],
      );
    });
    assert.equal(await stage.psql(COUNT), counts);
  });

  it("is not restored from a backup of which a byte was changed", async () => {
    const file = openSync(dump, "r+");
    const middle = statSync(dump).size >> 1;
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, middle);
    byte[0]! ^= 1;
    writeSync(file, byte, 0, 1, middle);
    closeSync(file);
    const { code, output, seconds } = await make("drill");
    assert.notEqual(code, 0);
    assert.ok(
      output.includes(`error: backup ${backup} can't be used: the dump was altered`),
      output,
    );
    took("make drill of the altered one:", seconds);
  });
});
