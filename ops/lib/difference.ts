/** The engine's own display of differences, which is made for reading: its text goes to the terminal as it is. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { verifyCluster } from "../clusterIdentity.ts";
import { OperatorError } from "../command.ts";
import { exportState } from "../recover.ts";
import { settingsIn, stageFile, stageValues, type Stage } from "../stage.ts";
import { openStack } from "./engine.ts";

/** Runs `pulumi <command> --diff` on a stage, on the cluster that its stack records. */
export async function showDifference(stage: Stage, ...command: string[]): Promise<void> {
  const { name, file } = stage;
  stageFile(name, file); // what is wrong with the file itself, before a stack is made for it
  await openStack(stage);
  const { context } = settingsIn(name, await stageValues(stage));
  // Without a context, the program says what is wrong.
  if (context) await verifyCluster(name, await exportState(name), context);
  const options = ["--stack", name, "--config-file", file, "--diff"];
  const engine = spawn("pulumi", [...command, ...options], { stdio: "inherit" });
  process.on("SIGINT", () => {}); // the terminal tells the engine too, whose end is waited for
  const [code] = (await once(engine, "close")) as [number | null];
  if (code !== 0)
    throw new OperatorError(`the ${command[0]} of ${name} failed`, "the reason stands above");
}
