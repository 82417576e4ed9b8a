/** A `kubectl` that keeps Secrets in a folder, and refuses what a file called `denied` names. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const KUBECTL = `#!/bin/bash
cd "\${0%/*}/../secrets" || exit
echo "$*" >>../calls
verb=$(grep -oE ' (get|create|delete) ' <<<" $* " | head -n 1)
if grep -qs "$verb" ../denied; then echo "Error from server (Forbidden): you may not" >&2; exit 1; fi
case $verb in
  *get*) exec "$NODE" -e '
    const fs = require("node:fs");
    const items = fs.readdirSync(".").map((name) => {
      const { stringData, ...secret } = JSON.parse(fs.readFileSync(name, "utf8"));
      const encode = ([key, text]) => [key, Buffer.from(text).toString("base64")];
      return { ...secret, data: Object.fromEntries(Object.entries(stringData).map(encode)) };
    });
    console.log(JSON.stringify({ items }));' ;;
  *create*)
    cat >../new
    name=$("$NODE" -p 'JSON.parse(require("node:fs").readFileSync("../new", "utf8")).metadata.name')
    if [[ -e $name ]]; then echo "Error from server (AlreadyExists): $name" >&2; exit 1; fi
    mv ../new "$name" ;;
  *delete*) rm -f "\${@:7}" ;;
esac
`;

/** Puts it in front of PATH for each test of the suite that calls it. */
export function withFakeSecrets() {
  let folder: string;
  const { PATH, NODE } = process.env;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "secrets-"));
    for (const name of ["bin", "secrets"]) mkdirSync(join(folder, name));
    const program = join(folder, "bin/kubectl");
    writeFileSync(program, KUBECTL);
    chmodSync(program, 0o755);
    Object.assign(process.env, { PATH: `${folder}/bin:${PATH}`, NODE: process.execPath });
  });
  afterEach(() => {
    process.env.PATH = PATH;
    if (NODE === undefined) delete process.env.NODE;
    else process.env.NODE = NODE;
    rmSync(folder, { recursive: true });
  });
  return {
    /** The Secret of that name as it was created. */
    secret: (name: string) => JSON.parse(readFileSync(join(folder, "secrets", name), "utf8")),
    /** Refuses a verb from now on, such as "create". */
    deny: (verb: string) => writeFileSync(join(folder, "denied"), ` ${verb} \n`),
    /** The command lines so far. */
    calls: () => readFileSync(join(folder, "calls"), "utf8").trim().split("\n"),
  };
}
