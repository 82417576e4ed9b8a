/** Prints the context that a stage file names. Usage: node local/stageContext.ts <stage file> */
import { main } from "../ops/command.ts";
import { readYaml } from "../ops/stage.ts";

await main(() => {
  const { config = {} } = readYaml(process.argv[2]!);
  const context = config["todo-app:kubernetesContext"];
  process.stdout.write(`${typeof context === "string" ? context : ""}\n`);
});
