/** The rendered objects as resources of OpenTofu, which keeps a state of them. */
import { CONTEXT, UNTIL_GONE } from "../stage.ts";
import { WAIT } from "./kubectl.ts";
import type { Inputs, Release, Tool } from "./tool.ts";

const PROVIDER = "terraform-provider-kubectl";

export const opentofu = ({ folder }: Inputs): Tool => {
  const program = `${folder}/opentofu`;
  const environment = `TF_CLI_CONFIG_FILE=${program}/tofurc KUBE_CONFIG_PATH="$KUBECONFIG" KUBE_CTX=${CONTEXT}`;
  const run = (command: string, release: Release, options = "") =>
    `${environment} ${program}/tofu -chdir=${program} ${command} -input=false -var objects=${folder}/${release}/objects ${options}`;
  const apply = (release: Release) => `${run("apply", release, "-auto-approve")}; ${WAIT}`;
  return {
    name: "opentofu",
    prepare: [
      `mkdir ${program}`,
      `cp bench/tools/opentofu.tf ${program}/main.tf`,
      `tofu=$(bench/build.sh opentofu github.com/opentofu/opentofu cmd/tofu)`,
      `ln -s "$tofu"/tofu ${program}/tofu`,
      `provider=$(bench/build.sh ${PROVIDER} github.com/gavinbunney/${PROVIDER})`,
      // With this, OpenTofu takes the provider from that folder, and there is nothing to initialize.
      `echo "provider_installation { dev_overrides { \\"gavinbunney/kubectl\\" = \\"$provider\\" } }" > ${program}/tofurc`,
    ].join("; "),
    record: `cat ${program}/terraform.tfstate`,
    steps: {
      deploy: apply("base"),
      "no-change": apply("base"),
      // Ends with 2 where anything differs.
      preview: run("plan", "base", "-detailed-exitcode"),
      image: apply("image"),
      // OpenTofu has no rollback: the former objects are applied again.
      rollback: apply("base"),
      change: apply("changed"),
      destroy: `${run("destroy", "changed", "-auto-approve")}; ${UNTIL_GONE}`,
    },
  };
};
