/** Stages of their own, for scenarios that would disturb dev, staging or production. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { kubectlIn, sh } from "./shell.ts";

/** `todo-app:…` values of a stage file. */
type Values = Readonly<Record<string, any>>;

/** A stage that no other test uses, with dev's settings and a host of its own. */
export function ownStage(name: string) {
  const host = `${name}.todo-app.local`;
  const kubectl = kubectlIn(`todo-app-${name}`);
  return {
    name,
    host,
    kubectl,
    /**
     * Writes its stage file into a checkout.
     *
     * @param changes gets the values of dev, and returns those beside them or in their place @default none
     */
    writeFile: (cwd: string, changes: (config: Values) => Values = () => ({})): void => {
      const { config } = parse(readFileSync(join(cwd, "Pulumi.dev.yaml"), "utf8"));
      const values = { ...config, "todo-app:host": host, ...changes(config) };
      writeFileSync(join(cwd, `Pulumi.${name}.yaml`), stringify({ config: values }));
    },
    /** Runs make for it in a checkout. */
    make: (target: string, cwd: string) => sh(`make ${target} STAGE=${name}`, { cwd }),
    /** Runs a query in its database as the owner. */
    psql: (query: string) =>
      kubectl(
        `exec statefulset/postgres -- psql -U todo -d todo -v ON_ERROR_STOP=1 -Atc ${JSON.stringify(query)}`,
      ),
    /** The folder of this machine in which the local cluster has the volume of one of its claims. */
    folderOf: async (claim: string) => {
      const volume = await kubectl(`get pvc ${claim} -o jsonpath='{.spec.volumeName}'`);
      return kubectl(`get pv ${volume} -o jsonpath='{.spec.hostPath.path}'`);
    },
  };
}
