/** `make login`: gives a pipeline the access that the commands of a stage need. */
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { checkedKubeconfig, writeKubeconfig } from "./lib/login/kubeconfig.ts";
import { loginToPulumi, loginToRegistry } from "./lib/login/login.ts";
import { STAGE_ARGUMENTS, decoded, stageArgument, stageFile } from "./lib/stage.ts";
import { isObject } from "./lib/yaml.ts";

await command(
  {
    name: "login",
    summary:
      "Gives a pipeline access to what a stage needs: writes the kubeconfig in PIPELINE_KUBECONFIG to the file that KUBECONFIG names, " +
      "or else to ~/.kube/config; logs in to Pulumi, by PULUMI_BACKEND_URL, PULUMI_ACCESS_TOKEN or PULUMI_ORGANIZATION; logs Docker " +
      "in to the stage's registry: one of GitHub with GITHUB_ACTOR and GITHUB_TOKEN, one of Amazon with the role of the job.",
    usage: STAGE_ARGUMENTS,
    example: "make login STAGE=staging",
  },
  async ({ args }) => {
    const { name, file } = stageArgument(args);
    const { kubernetesContext, images } = decoded(stageFile(name, file));
    const { PIPELINE_KUBECONFIG: content } = process.env;
    if (!content)
      throw new OperatorError(
        "PIPELINE_KUBECONFIG is not set",
        'set the variable KUBECONFIG of the environment on GitHub; docs/pipelines.md, "The cluster", has some to copy',
      );
    const kubeconfig = checkedKubeconfig(content, String(kubernetesContext), process.cwd());
    const registry = isObject(images) ? String(images.registry) : "";
    const say = (line: string) => process.stdout.write(`  ${line}\n`);
    say(`kubeconfig: ${writeKubeconfig(kubeconfig)}`);
    say(await loginToPulumi(process.env));
    say(await loginToRegistry(registry, process.env));
  },
);
