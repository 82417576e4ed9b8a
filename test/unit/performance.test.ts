/** What docs/performance.md says is what the committed results of `make bench` give. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { barChart } from "../../bench/chart.ts";
import { readCsv, writeCsv, type Row } from "../../bench/csv.ts";
import { lineChart } from "../../bench/lineChart.ts";
import { endOfLog, requestsSince } from "../../bench/requests.ts";
import { REPORT, chartsOf, readResults, withTables } from "../../bench/report.ts";
import { fitLine, inWords, summarise } from "../../bench/statistics.ts";
import { judge } from "../../bench/report/targets.ts";
import { copiesWanted } from "../../bench/scale/measureScale.ts";
import { SETTINGS } from "../../bench/scale/project.ts";
import { scaleChart, scaleTables } from "../../bench/scale/tables.ts";
import { read } from "./support/pages.ts";
import { record, type Recorded } from "./support/record.ts";
import { encode, stageConfig } from "./support/stages.ts";

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

describe("a straight line through points", () => {
  it("goes through all points that are on one", () => {
    const { slope, intercept, determination } = fitLine([
      [1, 5],
      [10, 23],
      [100, 203],
    ]);
    assert.deepEqual([slope, intercept, determination], [2, 3, 1]);
  });

  it("has the least squares of the distances, and says how much it explains", () => {
    const line = fitLine([
      [1, 1],
      [2, 3],
      [3, 2],
    ]);
    assert.deepEqual(line, { slope: 0.5, intercept: 1, determination: 0.25 });
  });

  it("explains equal values by a slope of none", () => {
    const line = fitLine([
      [1, 4],
      [2, 4],
    ]);
    assert.deepEqual(line, { slope: 0, intercept: 4, determination: 1 });
  });
});

describe("the measurement of copies", () => {
  /** Runs of a step in one stack, by copies and seconds. */
  const runs = (kind: string, step: string, times: readonly (readonly [number, number])[]) =>
    times.map(([copies, seconds]) => ({
      kind,
      stack: "s",
      copies: String(copies),
      step,
      wall_seconds: String(seconds),
      cpu_seconds: "1",
      peak_mib: "300",
      state_bytes: String(copies * 300_000),
    }));
  const previews = [
    [1, 2.05],
    [10, 2.5],
    [100, 7],
  ] as const;
  const rows = [
    ...runs("one stack", "preview", previews),
    ...runs("own stacks", "preview", [[1, 2]]),
  ];

  it("shows no table and no chart before there are results", () => {
    assert.deepEqual(new Set(Object.values(scaleTables([]))), new Set(["Not measured yet."]));
    assert.deepEqual(scaleChart([]), {});
  });

  it("says what a copy costs: by the line, between two numbers, and in a stack of its own", () => {
    const { scale, scaleFit, scaleStacks } = scaleTables(rows);
    assert.match(scale!, /state, KB \| 300 .*\| 3000 .*\| 30000 /);
    assert.match(scaleFit!, /\| 50\.0 \| 2\.00 \| 1\.0000 \| 1–10: 50, 10–100: 50 \|/);
    assert.match(scaleStacks!, /\| 2\.00 \(2\.00–2\.00\) \| 2\.00 \| 20\.0 \| 200 \|/);
  });

  it("leaves out the line of a step that was measured with one number of copies", () => {
    const { scaleFit } = scaleTables(runs("one stack", "preview", [[1, 2]]));
    assert.doesNotMatch(scaleFit!, /pulumi preview/);
  });

  it("judges a preview by what one more copy costs", () => {
    const judged = (scale: readonly Row[]) =>
      judge({ builds: [], service: [], scale, delivery: [], facts: [] }).find(({ what }) =>
        what.includes("copy"),
      )!;
    assert.deepEqual([judged(rows).figure, judged(rows).isMet], ["50 ms", true]);
    const one = judged(runs("one stack", "preview", [[1, 2]]));
    assert.deepEqual([one.figure, one.isMet], ["not measured", false]);
  });

  it("takes different numbers in any order, and nothing else", () => {
    assert.deepEqual(copiesWanted("50,1,50"), [1, 50]);
    for (const wrong of ["0", "1,", "1000", "1;2"])
      assert.throws(() => copiesWanted(wrong), { fix: "make bench COPIES=1,10,50" });
  });

  it("declares as many copies as wanted, each with what index.ts declares", async () => {
    const settings = Object.entries(SETTINGS).map(([key, value]) => [key, encode(value)] as const);
    const config = { ...stageConfig("dev"), ...Object.fromEntries(settings) };
    const stack = "copies";
    const declareTwo = async () =>
      (await import("../../bench/scale/program.ts")).declareCopies(1, 2);
    const copies = await record(declareTwo, stack, config);
    const app = await record(() => import(`../../index.ts?${stack}`), stack, config);
    const types = (resources: readonly Recorded[]) =>
      resources.map(({ type }) => type).filter((type) => !type.startsWith("pulumi:"));
    const twice = [...types(app.resources), ...types(app.resources)];
    assert.deepEqual(types(copies.resources).toSorted(), twice.toSorted());
    const pods = copies.resources.flatMap(({ inputs }) => inputs.spec?.template?.spec ?? []);
    assert.equal(pods.length, 6);
    for (const { nodeSelector, tolerations } of pods) {
      assert.deepEqual(nodeSelector, { "todo-app/fake": "true" });
      assert.equal(tolerations.length, 1);
    }
  });
});

describe("a chart", () => {
  it("has each point of a line, and what the line says", () => {
    const points = [
      [1, 2],
      [10, 11],
    ] as const;
    const chart = lineChart("t", [{ name: "preview", points }]);
    assert.equal(chart.match(/<circle /g)?.length, 2);
    assert.match(chart, /preview: 1\.00 s \+ 1000 ms per copy/);
  });

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
