/** Searches for the secrets that are in use in every place where no secret may be in clear. */
import assert from "node:assert/strict";
import { NAMESPACE, attempt, kubectl, sh } from "./support/shell.ts";

describe("no secret in clear", () => {
  let canaries: string[];
  const search = (place: string, text: string) => {
    assert.ok(text.length > 500, `${place} was looked at`);
    for (const canary of canaries)
      assert.ok(!text.includes(canary), `${place} shows a secret (${canary.slice(0, 3)}…)`);
  };

  before(async () => {
    const encoded = await kubectl(
      "get secrets --field-selector type!=todo-app/revision -o jsonpath='{range .items[*]}{.data}{\"\\n\"}{end}'",
    );
    const values = encoded
      .split("\n")
      .filter(Boolean)
      .flatMap((data) => Object.values(JSON.parse(data) as Record<string, string>));
    const decoded = values.map((value) => Buffer.from(value, "base64").toString());
    canaries = [...new Set([...values, ...decoded])];
    assert.ok(
      canaries.length >= 6,
      "database URL, database password and auth secret, plain and encoded",
    );
  });

  it("in the revisions, which are Secrets too, but whose settings stay encrypted", async () => {
    const query = "get secrets --field-selector type=todo-app/revision";
    const revisions = await kubectl(`${query} -o jsonpath='{.items[*].data.revision}'`);
    const decoded = revisions.split(" ").map((data) => Buffer.from(data, "base64").toString());
    search("the revisions", decoded.join("\n"));
  });

  it("in the stack's state", async () => {
    const state = await sh("pulumi stack export --stack dev");
    search("pulumi stack export", state);
    assert.match(state, /"ciphertext"/);
  });

  it("in the state file and its history", async () => {
    const folder = new URL(process.env.PULUMI_BACKEND_URL!).pathname;
    // Other tests add and remove stacks meanwhile, so files of theirs may be gone by now.
    const files = await sh(`find ${folder} -type f -exec cat {} + 2>/dev/null || true`);
    search("the backend's files", files);
    assert.match(files, /todo-app-dev/);
  });

  it("in the logs at the highest level, except for Pulumi's own trace of its protocol", async () => {
    // Pulumi prints the properties that engine, plugins and SDK send to each other, secrets included, and no setting
    // turns that off. Everything else in the log must be free of secrets at any level.
    const protocolTrace =
      /^\{.*"msg":"(eventSink::\w+\()?(<\{%reset%\}>)?([IWE]\d{4} [\d:.]+ +\d+ rpc\.go:\d+\]|RegisterResource RPC finished: resource:)/;
    // Its dots of progress, which have no line of their own, are on standard output: apart from the log, which is on standard error.
    const log = await sh(
      "log=$(mktemp); pulumi preview --stack dev --logtostderr --logflow -v=9 2>$log; code=$?; echo; cat $log; rm $log; exit $code",
    );
    const rest = log.split("\n").filter((line) => !protocolTrace.test(line));
    search("pulumi -v=9", rest.join("\n"));
  });

  it("on the terminal, in diffs and in stack outputs", async () => {
    search(
      "the terminal",
      await sh("pulumi preview --stack dev --diff --show-sames 2>&1; pulumi stack --stack dev"),
    );
  });

  it("in any object but a Secret, in events or pod logs", async () => {
    const kinds =
      "all,configmaps,ingresses,networkpolicies,serviceaccounts,persistentvolumeclaims,events,replicasets,leases";
    search("objects", await kubectl(`get ${kinds} -o yaml`));
    const pods = (await kubectl("get pods -o name")).split("\n");
    const logs = await Promise.all(pods.map((pod) => kubectl(`logs --all-containers ${pod}`)));
    search("pod logs", logs.join("\n"));
  });

  it("in the layers and the history of the images", async () => {
    for (const name of ["backend", "frontend"]) {
      const image = await kubectl(
        `get deployment ${name} -o jsonpath='{.spec.template.spec.containers[0].image}'`,
      );
      const history = await sh(
        `docker pull -q ${image} >/dev/null; docker history --no-trunc ${image}`,
      );
      search(`history of ${name}`, history);
      const patterns = canaries.map((canary) => `-e ${JSON.stringify(canary)}`).join(" ");
      // Layers are tar archives; where they are in the saved image depends on the version of Docker.
      const found = await sh(
        `folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; docker save ${image} | tar x -C "$folder"; layers=0; hits=0; ` +
          `for file in $(find "$folder" -type f -size +0); do tar tf "$file" >/dev/null 2>&1 || continue; layers=$((layers + 1)); ` +
          `if tar xOf "$file" | grep -caF ${patterns} >/dev/null; then hits=$((hits + 1)); fi; done; echo "$layers $hits"`,
      );
      const [layers, hits] = found.split(" ").map(Number);
      assert.ok(layers! >= 3, `only ${layers} layers of ${name} were looked at`);
      assert.equal(hits, 0, `layers of ${name} show a secret`);
    }
  });

  it("readable by others: only its user can read the passphrase", async () => {
    assert.equal(await sh('stat -c %a "$PULUMI_CONFIG_PASSPHRASE_FILE"'), "600");
  });

  it("readable from a pod: no token is mounted and no account may read Secrets", async () => {
    for (const account of ["backend", "frontend", "default"]) {
      const { output } = await attempt(
        `kubectl --context minikube auth can-i get secrets -n ${NAMESPACE} --as=system:serviceaccount:${NAMESPACE}:${account}`,
      );
      assert.equal(output.trim(), "no", account);
    }
    const { code } = await attempt(
      `kubectl --context minikube -n ${NAMESPACE} exec deployment/backend -- test -e /var/run/secrets/kubernetes.io`,
    );
    assert.equal(code, 1);
  });
});
