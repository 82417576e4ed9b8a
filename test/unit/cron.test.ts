/** Schedules of cron, as Kubernetes and the CloudNativePG operator read them. */
import assert from "node:assert/strict";
import { isCron, longestGapSeconds } from "../../config/cron.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;

describe("a schedule of cron", () => {
  for (const [schedule, gap] of [
    ["* * * * *", 60],
    ["5/20 * * * *", 20 * 60],
    ["17 2 * * *", DAY],
    ["0 1,13 * * *", 12 * HOUR],
    ["0 3 * * 0", 7 * DAY],
    ["0 3 1 * *", 31 * DAY],
    ["0 22 * * 1-5", 3 * DAY],
    // Either of two kinds of days is enough: the 1st, the 15th, and Monday to Friday.
    ["*/15 0-6 1,15 * 1-5", 3 * DAY - 6 * HOUR - 45 * 60],
    ["0 3 29 2 *", 4 * 366 * DAY],
  ] as const)
    it(`${schedule}: at most ${gap / HOUR} hours lie between two times`, () => {
      assert.ok(isCron(schedule));
      assert.equal(longestGapSeconds(schedule), gap);
    });

  for (const wrong of [
    "60 * * * *",
    "* * * *",
    "5-3 * * * *",
    "@daily",
    "* * * * 7",
    "*/0 * * * *",
  ])
    it(`is not ${wrong}`, () => {
      assert.ok(!isCron(wrong));
      assert.throws(() => longestGapSeconds(wrong), /is no schedule of cron/);
    });
});
