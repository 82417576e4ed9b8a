/** `make doctor` names every fault of its table, each caused for real and undone again. */
import { FAULTS } from "../e2e/support/doctor/faults.ts";
import { healthy, names } from "../e2e/support/doctor/run.ts";

describe("make doctor", () => {
  before(healthy);

  for (const fault of FAULTS) it(`names ${fault.name}`, () => names(fault));
});
