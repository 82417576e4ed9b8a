/** `make doctor` names faults of dev that are caused for real. `make soak` causes many more. */
import assert from "node:assert/strict";
import { FAULTS } from "./support/doctor/faults.ts";
import { healthy, names } from "./support/doctor/run.ts";
import { sh } from "./support/shell.ts";

describe("make doctor", () => {
  before(healthy);

  it("says in one line what it has looked at, if nothing is wrong", async () => {
    const output = await sh("make doctor");
    assert.match(
      output,
      /^nothing is wrong with dev, namespace todo-app-dev of context minikube: looked at \d+ pods, .* by \d+ rules$/,
    );
  });

  for (const fault of FAULTS.filter(({ quick }) => quick))
    it(`names ${fault.name}`, () => names(fault));
});
