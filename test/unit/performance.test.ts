/** What docs/performance.md says is what the committed results of `make bench` give. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { barChart } from "../../bench/chart.ts";
import { readCsv, writeCsv } from "../../bench/csv.ts";
import { endOfLog, requestsSince } from "../../bench/requests.ts";
import { REPORT, chartsOf, readResults, withTables } from "../../bench/report.ts";
import { inWords, summarise } from "../../bench/statistics.ts";
import { read } from "./support/pages.ts";

const results = readResults(fileURLToPath(new URL("../../bench/results", import.meta.url)));

describe("the report of make bench", () => {
  it("has the tables that the committed results give", async () => {
    const report = read(REPORT);
    assert.equal(report, await withTables(report, results));
  });

  it("has the charts that the committed results give", () => {
    for (const [file, chart] of Object.entries(chartsOf(results)))
      assert.equal(read(file), chart, file);
  });

  it("has every chart on its page", () => {
    for (const file of Object.keys(chartsOf(results)))
      assert.ok(read(REPORT).includes(`](${file.replace(/^docs\//, "")})`), file);
  });

  it("notices a figure that was changed by hand", async () => {
    const report = read(REPORT);
    const changed = report.replace(/\d+\.\d+ \(/, "0.01 (");
    assert.notEqual(changed, report);
    assert.equal(await withTables(changed, results), report);
  });

  it("refuses a page that lacks a table", async () => {
    const lacking = read(REPORT).replace("<!-- bench: cpu -->", "");
    await assert.rejects(withTables(lacking, results), /has the tables .*, and is to have .*cpu/);
  });
});

describe("several runs", () => {
  it("are summed up by their median, minimum and maximum", () => {
    assert.deepEqual(summarise([3, 1, 2]), { median: 2, min: 1, max: 3 });
    assert.deepEqual(summarise([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
    assert.deepEqual(summarise([5]), { median: 5, min: 5, max: 5 });
  });

  it("are written with the digits that say something", () => {
    assert.equal(inWords({ median: 1.234, min: 0.5, max: 12.34 }), "1.23 (0.50–12.3)");
    assert.equal(inWords({ median: 123.4, min: 99.96, max: 250 }), "123 (100.0–250)");
  });

  it("are read from a file as they were written, but for what would need quotes", () => {
    const folder = mkdtempSync(join(tmpdir(), "todo-app-bench-"));
    try {
      const file = join(folder, "a.csv");
      writeCsv(file, [{ step: 'RUN a, "b"\n c', seconds: 1.5 }]);
      assert.deepEqual(readCsv(file), [{ step: "RUN a b c", seconds: "1.5" }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the requests to the API server", () => {
  const line = (auditID: string, stage: string) =>
    `${JSON.stringify({ kind: "Event", auditID, stage, userAgent: "kubectl/v1.36" })}\n`;
  const request = (auditID: string) => line(auditID, "ResponseComplete");
  const watch = (auditID: string) => line(auditID, "ResponseStarted") + request(auditID);
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "todo-app-bench-"));
    file = join(folder, "audit.log");
    writeFileSync(file, request("a"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("are counted from a place in the log on, a watch once", () => {
    const before = endOfLog(file);
    assert.equal(requestsSince(before, file), 0);
    appendFileSync(file, request("b") + watch("c") + request("d"));
    assert.equal(requestsSince(before, file), 3);
  });

  it("are counted in a log that was begun anew", () => {
    appendFileSync(file, request("b"));
    const before = endOfLog(file);
    writeFileSync(file, request("c"));
    assert.equal(requestsSince(before, file), 1);
  });
});

describe("a chart", () => {
  it("has a bar for each value, as long as its group's longest allows", () => {
    const bars = [
      { name: "one", median: 1, min: 1, max: 2 },
      { name: "two", median: 2, min: 2, max: 2 },
    ];
    const widths = [
      ...barChart("t", [{ name: "g", bars }]).matchAll(/<rect x=.* width="([\d.]+)"/g),
    ];
    assert.deepEqual(
      widths.map(([, width]) => Number(width)),
      [255, 510],
    );
  });
});
