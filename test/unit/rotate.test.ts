/** What `make rotate` writes into a stage file, when it refuses to, and how it finds out that the new value is in use. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import type { deploy } from "../../ops/lib/deploy.ts";
import { OperatorError } from "../../ops/lib/errors.ts";
import { COUNTERS, deployedCounter, withCounter } from "../../ops/lib/rotate/counters.ts";
import { generatedSecret, rotate, type Deployed } from "../../ops/lib/rotate/rotate.ts";
import { checkLogin } from "../../ops/lib/rotate/values.ts";
import type { Resource } from "../../ops/lib/state/state.ts";

describe("a counter in a stage file", () => {
  const raised = (text: string) => withCounter(text, "auth", 7);

  it("is replaced where it stands, in every style, and nothing else changes", () => {
    for (const before of [
      "# a\nconfig:\n  todo-app:secretVersions:\n    # ours\n    databasePassword: 2\n    auth: 1 # old\n  todo-app:host: a.b\n",
      "config:\n    todo-app:images: {registry:   ghcr.io}\n    todo-app:secretVersions: { auth: 1 }\nencryptionsalt: v1:x\n",
    ])
      assert.equal(raised(before), before.replace("auth: 1", "auth: 7"));
  });

  it("is added beside others", () => {
    const block = "config:\n  todo-app:secretVersions:\n    databasePassword: 2\n";
    assert.equal(raised(block), block.replace("    data", "    auth: 7\n    data"));
    const flow = "config:\n  todo-app:secretVersions: { databasePassword: 2 } # b\n";
    assert.equal(raised(flow), flow.replace("{ data", "{ auth: 7, data"));
  });

  it("is added at the end of the settings where there is none", () => {
    const added = `  ${COUNTERS}:\n    auth: 7\n`;
    for (const stage of ["dev", "staging", "production"]) {
      const before = readFileSync(`Pulumi.${stage}.yaml`, "utf8");
      assert.equal(raised(before), before + added);
    }
    const settings = "config:\n  todo-app:host: a.b # c";
    assert.equal(raised(settings), `${settings}\n${added}`);
    const salt = "encryptionsalt: v1:x\n";
    assert.equal(raised(`${settings}\n${salt}`), `${settings}\n${added}${salt}`);
    assert.equal(raised(`${settings}\n# d\n\n${salt}`), `${settings}\n${added}# d\n\n${salt}`);
  });

  it("is found in text, behind an anchor, and without any settings", () => {
    for (const [text, counters] of [
      ["config:\n  todo-app:secretVersions: '{\"databasePassword\":2}'\n", { databasePassword: 2 }],
      [
        "x: &x { databasePassword: 2 }\nconfig:\n  todo-app:secretVersions: *x\n",
        { databasePassword: 2 },
      ],
      ["config:\n  todo-app:secretVersions: {}\n", {}],
      ["environment: [team]\n", {}],
      ["", {}],
    ] as const)
      assert.deepEqual(parse(raised(text)).config[COUNTERS], { ...counters, auth: 7 }, text);
  });
});

describe("the deployed counter", () => {
  const resource = (name: string, more: Partial<Resource> = {}): Resource => ({
    urn: `urn:pulumi:qa::todo-app::todo-app:index:AppSecrets$random:index/randomPassword:RandomPassword::${name}`,
    type: "random:index/randomPassword:RandomPassword",
    ...more,
  });

  it("is that of the newest value, of which the next auth secret is generated ahead", () => {
    const resources = [
      ...[3, 4, 5].map((version) => resource(`secrets-auth-v${version}`)),
      ...[2, 3].map((version) => resource(`secrets-database-app-v${version}`)),
      resource("secrets-database-app-v4", { delete: true }),
      resource("secrets-database-password"),
    ];
    assert.equal(deployedCounter(resources, "auth"), 4);
    assert.equal(deployedCounter(resources, "databasePassword"), 3);
    assert.equal(deployedCounter(resources, "databaseOwnerPassword"), 1);
    assert.equal(deployedCounter([], "auth"), 1);
  });
});

describe("the name of a secret", () => {
  it("is one that the stack generates", () => assert.equal(generatedSecret("qa", "auth"), "auth"));

  it("of the configuration leads to the two commands that change it", () =>
    assert.throws(() => generatedSecret("qa", "databaseUrl"), {
      message:
        "databaseUrl is given by the configuration of qa; only the service that it belongs to has a new one",
      fix: "get a new one there; pulumi config set --stack qa --secret todo-app:databaseUrl, then make up STAGE=qa",
    }));

  it("is refused with those that there are where it is unknown", () => {
    for (const name of ["", "Auth"])
      assert.throws(
        () => generatedSecret("qa", name),
        (error: OperatorError) =>
          error.message === `SECRET=${name} is no secret of the stack` &&
          error.fix.startsWith(
            "use one of auth, databasePassword, databaseOwnerPassword, as in: make rotate SECRET=auth STAGE=qa; ",
          ),
      );
  });
});

/** Answers with the Secret in the file `values`; a login is accepted if its URL is a line of the file `valid`. */
const KUBECTL = `#!/bin/bash
cd "\${0%/*}" || exit
case "$*" in
  *" get secrets "*) cat secrets.json ;;
  *" exec "*) [[ -e valid ]] || { echo "pods/exec is forbidden" >&2; exit 1; }
    if grep -qxF "$(cat)" valid; then echo accepted; else echo refused; fi ;;
esac
`;

describe("a rotation", () => {
  let folder: string;
  let file: string;
  const outside = { cwd: process.cwd(), path: process.env.PATH };
  const write = (name: string, text: string, mode?: number) => {
    writeFileSync(join(folder, name), text);
    if (mode) chmodSync(join(folder, name), mode);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rotate-"));
    file = join(folder, "Pulumi.qa.yaml");
    write("kubectl", KUBECTL, 0o755);
    write("pulumi", "#!/bin/sh\nexit 1\n", 0o755); // no stack: the settings are those of the file
    settings();
    process.env.PATH = `${folder}:${outside.path}`;
    process.chdir(folder);
  });
  afterEach(() => {
    process.chdir(outside.cwd);
    process.env.PATH = outside.path;
    rmSync(folder, { recursive: true });
  });
  const settings = (more = "") =>
    write(
      "Pulumi.qa.yaml",
      `config:\n  todo-app:kubernetesContext: minikube\n  todo-app:host: a.b\n  todo-app:images: { registry: ghcr.io }\n${more}`,
    );
  /** Makes pods have these values by key; `valid` are the logins that the database accepts. */
  const cluster = (values: Readonly<Record<string, string>>, valid?: readonly string[]) => {
    const data = Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
    );
    const metadata = { creationTimestamp: "2026-01-01T00:00:00Z" };
    write("secrets.json", JSON.stringify({ items: [{ metadata, data }] }));
    if (valid) write("valid", valid.join("\n"));
  };
  const authOf = (version: number) => ({
    BETTER_AUTH_SECRET: `auth ${version}`,
    ...(version > 1 && { BETTER_AUTH_SECRET_PREVIOUS: `auth ${version - 1}` }),
    BETTER_AUTH_SECRET_NEXT: `auth ${version + 1}`,
  });
  const counters = () => parse(readFileSync(file, "utf8")).config[COUNTERS];
  const SETTLED: Deployed = {
    last: { end: "succeeded" },
    state: { version: 3, deployment: { resources: [] } },
  };
  /** Rotates with a deploy that does what `deployed` does with the counters of the file that it gets. */
  const call = async (
    secret: "auth" | "databasePassword" | "databaseOwnerPassword",
    deployed: (counters: any) => void,
    { leaked = false, before = SETTLED, stageFile = "Pulumi.qa.yaml" } = {},
  ) => {
    const questions: boolean[] = [];
    const run: typeof deploy = async (stage, { yes, rotation }) => {
      await Promise.resolve();
      questions.push(!yes);
      const temporary = parse(readFileSync(stage.file, "utf8"));
      deployed({ ...temporary.config[COUNTERS], begin: () => rotation!.begin() });
    };
    await rotate({ name: "qa", file: stageFile }, { secret, leaked, yes: false }, before, run);
    return questions;
  };

  it("raises the counter by one, in the stage's own file and in a merged one", async () => {
    cluster(authOf(1));
    write("merged.yaml", readFileSync(file, "utf8"));
    await call(
      "auth",
      ({ auth, begin }) => {
        assert.deepEqual([auth, counters()], [2, undefined], "the file changes once confirmed");
        begin();
        cluster(authOf(auth));
      },
      { stageFile: "merged.yaml" },
    );
    assert.deepEqual(counters(), { auth: 2 });
    assert.equal(readFileSync(join(folder, "merged.yaml"), "utf8"), readFileSync(file, "utf8"));
  });

  it("raises that of auth by three after a leak, so that none of the old values is valid", async () => {
    cluster(authOf(1));
    const leaked = { leaked: true };
    await call("auth", ({ auth, begin }) => (begin(), cluster(authOf(auth))), leaked);
    assert.deepEqual(counters(), { auth: 4 });
  });

  it("fails where a pod still has the old value", async () => {
    cluster(authOf(1));
    await assert.rejects(
      call("auth", ({ begin }) => begin()),
      /pods still have the old value of auth/,
    );
    settings();
    const half = () => cluster({ ...authOf(4), BETTER_AUTH_SECRET_PREVIOUS: "auth 2" });
    await assert.rejects(
      call("auth", ({ begin }) => (begin(), half()), { leaked: true }),
      /pods still have the old value of auth/,
    );
  });

  it("of a leaked database password takes two deploys and one question, and the old one is refused at the end", async () => {
    cluster({ DATABASE_URL: "url 1" }, ["url 1"]);
    const questions = await call(
      "databasePassword",
      ({ databasePassword: version, begin }) => {
        begin();
        assert.equal(counters().databasePassword, version);
        cluster({ DATABASE_URL: `url ${version}` }, [`url ${version - 1}`, `url ${version}`]);
      },
      { leaked: true },
    );
    assert.deepEqual([counters(), questions], [{ databasePassword: 3 }, [true, false]]);
  });

  it("logs in with the new password and, where it must be invalid, with the old one", async () => {
    const place = { context: "minikube", namespace: "todo-app-qa" };
    cluster({}, ["new"]);
    await checkLogin(place, "new", "accepted", 0);
    await checkLogin(place, "old", "refused", 0);
    await assert.rejects(checkLogin(place, "new", "refused", 0), {
      message: "the database has accepted the login with the old password; expected: refused",
    });
    rmSync(join(folder, "valid"));
    await assert.rejects(
      checkLogin(place, "new", "accepted", 0),
      /the new password is not known: pods\/exec is forbidden/,
    );
  });

  it("that is not confirmed changes nothing", async () => {
    cluster(authOf(1));
    const before = readFileSync(file, "utf8");
    const refuse = () => {
      throw new OperatorError("not confirmed, nothing was changed", "YES=1");
    };
    await assert.rejects(call("auth", refuse), { fix: "YES=1" });
    assert.equal(readFileSync(file, "utf8"), before);
  });

  it("whose deploy fails keeps the counter, and says how to continue and how to go back", async () => {
    cluster({ DATABASE_URL: "url 1" });
    const fail = ({ begin }: { begin: () => void }) => {
      begin();
      throw new OperatorError("no node fits", "add one");
    };
    await assert.rejects(call("databasePassword", fail), {
      message: "no node fits",
      fix:
        "add one; todo-app:secretVersions.databasePassword is now 2: make up STAGE=qa continues; to go back, " +
        "pulumi config set --stack qa --path todo-app:secretVersions.databasePassword 1, then make up STAGE=qa",
    });
    assert.deepEqual(counters(), { databasePassword: 2 });
    settings();
    await assert.rejects(call("databasePassword", fail, { leaked: true }), {
      fix:
        "add one; todo-app:secretVersions.databasePassword is now 2: make up STAGE=qa continues, " +
        "and make rotate SECRET=databasePassword STAGE=qa after that",
    });
  });

  it("is refused on top of a deploy that is not whole, before anything changes", async () => {
    const unreached = () => assert.fail("it was deployed");
    const failed = { before: { ...SETTLED, last: { end: "failed" } } as const };
    await assert.rejects(call("auth", unreached, failed), {
      message: "the last deploy of qa has failed",
      fix: "make up STAGE=qa first, so that all pods have the current value",
    });
    settings(`  ${COUNTERS}: { databasePassword: 2 }\n`);
    await assert.rejects(call("databasePassword", unreached), {
      message: "todo-app:secretVersions.databasePassword of qa is 2, and 1 is deployed",
    });
  });

  it("is refused for a password that the stack does not generate, and for a wrong configuration", async () => {
    const unreached = () => assert.fail("it was deployed");
    settings("  todo-app:database: { mode: external }\n  todo-app:databaseUrl: { secure: x }\n");
    await assert.rejects(call("databasePassword", unreached), /is external: its password is part/);
    settings("  todo-app:placement: nowhere\n");
    await assert.rejects(call("auth", unreached), /the configuration of qa is not valid/);
  });
});
