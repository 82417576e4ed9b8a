/** What the commands about backups ask of the cluster, and what they say. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ageText,
  checkName,
  described,
  fixOfRestore,
  sizeText,
} from "../../ops/lib/backups/backup.ts";
import { errorIn, jobOf, resultOf, runJob, running } from "../../ops/lib/backups/jobs.ts";
import { requireBackups } from "../../ops/lib/backups/place.ts";
import { OperatorError } from "../../ops/lib/errors.ts";

const CRON_JOB = {
  metadata: { name: "restore" },
  spec: {
    suspend: true,
    jobTemplate: {
      metadata: { labels: { "app.kubernetes.io/name": "restore" } },
      spec: {
        backoffLimit: 2,
        template: {
          metadata: { labels: { "app.kubernetes.io/name": "restore" } },
          spec: {
            restartPolicy: "Never",
            containers: [
              { name: "restore", command: ["bash", "x"], env: [{ name: "KEEP", value: "7" }] },
            ],
          },
        },
      },
    },
  },
};

const { jobTemplate } = CRON_JOB.spec;
const POD = jobTemplate.spec.template.spec;
const TRANSFER = {
  name: "download",
  command: ["sh", "/programs/download.sh"],
  env: [{ name: "S3_BUCKET", value: "backups" }],
};
const WITH_BUCKET = {
  ...CRON_JOB,
  spec: {
    jobTemplate: {
      ...jobTemplate,
      spec: {
        ...jobTemplate.spec,
        template: {
          ...jobTemplate.spec.template,
          spec: { ...POD, initContainers: [TRANSFER] },
        },
      },
    },
  },
};

/** Answers from files, and notes what it was asked. */
const KUBECTL = `#!/bin/bash
cd "\${0%/*}" || exit
echo "$*" >>calls
case "$*" in
  *"get cronjob"*) [[ -e cronjob ]] || { echo 'Error from server (NotFound): cronjobs "restore" not found' >&2; exit 1; }; cat cronjob ;;
  *create*) cat >job; echo job.batch/restore-by-hand-abc12 ;;
  *"get jobs "*) cat jobs ;;
  *"get job "*) cat status ;;
  *logs*) name="$*" name=\${name#*--container=} && cat "log-\${name%% *}" ;;
esac
`;

describe("a Job of a backup", () => {
  let folder: string;
  const path = process.env.PATH;
  const place = {
    stage: "qa",
    context: "qa",
    namespace: "todo-app-qa",
    protected: false,
  };
  const task = { template: "restore", env: { BACKUP: "x" }, fix: () => "fix it" } as const;
  const write = (name: string, content: unknown) =>
    writeFileSync(
      join(folder, name),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  const calls = () => readFileSync(join(folder, "calls"), "utf8").trim().split("\n");

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "backup-"));
    write("kubectl", KUBECTL);
    chmodSync(join(folder, "kubectl"), 0o755);
    write("cronjob", CRON_JOB);
    process.env.PATH = `${folder}:${path}`;
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  it("is made from the template of the stack, with what the command adds", () => {
    const { metadata, spec } = jobOf(CRON_JOB, { program: "list.sh", env: { BACKUP: "x" } });
    assert.equal(metadata.generateName, "restore-by-hand-");
    assert.deepEqual(
      { ...metadata, generateName: undefined },
      { labels: { "app.kubernetes.io/name": "restore" }, generateName: undefined },
    );
    assert.equal(spec.backoffLimit, 0);
    assert.equal(spec.ttlSecondsAfterFinished, 3600);
    const [container] = spec.template.spec.containers;
    assert.deepEqual(container, {
      name: "restore",
      command: ["bash", "/programs/list.sh"],
      env: [
        { name: "KEEP", value: "7" },
        { name: "BACKUP", value: "x" },
      ],
    });
    const [kept] = jobOf(CRON_JOB, {}).spec.template.spec.containers;
    assert.deepEqual(kept, CRON_JOB.spec.jobTemplate.spec.template.spec.containers[0]);
    assert.ok(!("initContainers" in spec.template.spec));
    assert.equal(jobOf(CRON_JOB, { name: "backups" }).metadata.generateName, "backups-by-hand-");
  });

  it("with a bucket also tells the container of the transfer, whose program stays", () => {
    const { spec } = jobOf(WITH_BUCKET, { program: "list.sh", env: { LIST: "true" } });
    const { initContainers, containers } = spec.template.spec;
    assert.deepEqual(initContainers, [
      {
        name: "download",
        command: ["sh", "/programs/download.sh"],
        env: [
          { name: "S3_BUCKET", value: "backups" },
          { name: "LIST", value: "true" },
        ],
      },
    ]);
    assert.deepEqual(containers[0]!.command, ["bash", "/programs/list.sh"]);
    assert.deepEqual(containers[0]!.env.at(-1), { name: "LIST", value: "true" });
  });

  it("with a bucket gives what its last container printed, and the error of the first one", async () => {
    write("cronjob", WITH_BUCKET);
    write("log-download", "error: there is no bucket backups at https://s3.example.com\n");
    write("status", { status: { conditions: [{ type: "Failed", status: "True" }] } });
    await assert.rejects(runJob(place, task), (error: OperatorError) => {
      assert.equal(error.message, "there is no bucket backups at https://s3.example.com");
      return true;
    });
    write("status", { status: { succeeded: 1 } });
    write("log-restore", '{"old":"todo_before"}\n');
    assert.deepEqual(resultOf(await runJob(place, task)), { old: "todo_before" });
  });

  it("gives what its program printed, and is deleted", async () => {
    write("status", { status: { succeeded: 1 } });
    write("log-restore", 'removing one\n{"old":"todo_before"}\n');
    const log = await runJob(place, task);
    assert.deepEqual(resultOf(log), { old: "todo_before" });
    assert.match(calls().at(-1)!, /delete job restore-by-hand-abc12/);
    for (const call of calls())
      assert.match(call, /^--context=qa --namespace=todo-app-qa --request-timeout=10s /);
  });

  it("that failed is an error with its program's reason and log, and is deleted too", async () => {
    write("status", { status: { conditions: [{ type: "Failed", status: "True" }] } });
    write("log-restore", "first line\nerror: the dump was altered\n");
    await assert.rejects(runJob(place, task), (error: OperatorError) => {
      assert.equal(error.message, "the dump was altered\n  log:\n    first line");
      assert.equal(error.fix, "fix it");
      return true;
    });
    assert.match(calls().at(-1)!, /delete job restore-by-hand-abc12/);
  });

  it("without its template says that the stage must be deployed, and creates nothing", async () => {
    rmSync(join(folder, "cronjob"));
    await assert.rejects(runJob(place, task), (error: OperatorError) => {
      assert.match(error.message, /get cronjob failed in namespace todo-app-qa of context "qa"/);
      assert.match(error.fix, /make up STAGE=qa$/);
      return true;
    });
    assert.equal(calls().length, 1);
  });

  it("counts as running until it has ended", async () => {
    const job = (name: string, status: object) => ({ metadata: { name }, status });
    const [one, other] = ["restore-by-hand-a", "restore-by-hand-b"];
    const listing = job("backups-by-hand-c", { active: 1 });
    write("jobs", { items: [job(one, { active: 1 }), job(other, { succeeded: 1 }), listing] });
    assert.deepEqual(await running(place, "restore"), [one]);
    assert.match(calls()[0]!, /--selector=app\.kubernetes\.io\/name=restore/);
  });

  it("without an error in its log shows the end of the log", () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    const text = errorIn(lines);
    assert.match(text, /^the Job failed\n {2}log:\n {4}line 10\n/);
    assert.match(text, / {4}line 29$/);
    assert.equal(errorIn([]), "the Job failed");
  });
});

describe("the commands about backups", () => {
  const config = (mode: string, enabled: boolean) => ({ database: { mode }, backup: { enabled } });
  const refusal = (wanted: Parameters<typeof requireBackups>[1]) => {
    try {
      requireBackups("qa", wanted);
    } catch (error) {
      return error as OperatorError;
    }
    return undefined;
  };

  it("work where the stack has backups made", () => {
    for (const mode of ["in-cluster", "cloudnative-pg"])
      assert.equal(refusal(config(mode, true)), undefined);
  });

  for (const [wanted, message, fix] of [
    [config("external", false), /is external: whoever runs it/, /ask its owner/],
    [
      config("cloudnative-pg", false),
      /backups of qa are switched off/,
      /with the bucket as docs\/backup\.md/,
    ],
    [config("in-cluster", false), /switched off/, /config set --stack qa --path todo-app:backup/],
    [undefined, /has a problem/, /make preview STAGE=qa/],
  ] as const)
    it(`say what to do instead where ${message.source}`, () => {
      const error = refusal(wanted)!;
      assert.ok(error instanceof OperatorError);
      assert.match(error.message, message);
      assert.match(error.fix, fix);
    });

  it("list the newest first, with time, age and what is wrong", () => {
    const listed = [
      { name: "20260301-021700", bytes: 5, problem: "the dump was altered" },
      { name: "20260302-021700", bytes: 7, problem: "", checked: "size" },
    ] as const;
    assert.deepEqual(described(listed, Date.parse("2026-03-02T03:17:00Z")), [
      {
        name: "20260302-021700",
        time: "2026-03-02T02:17:00Z",
        ageSeconds: 3600,
        bytes: 7,
        ok: true,
        problem: null,
        checked: "size",
      },
      {
        name: "20260301-021700",
        time: "2026-03-01T02:17:00Z",
        ageSeconds: 90_000,
        bytes: 5,
        ok: false,
        problem: "the dump was altered",
        checked: "content",
      },
    ]);
  });

  it("refuse what is no name of a backup", () => {
    checkName("qa", "20260302-021700");
    for (const name of ["newest", "../20260302-021700", "20260302-021700; id"])
      assert.throws(() => checkName("qa", name), /is not the name of a backup/, name);
  });

  it("say what a restore needs that was refused", () => {
    const fixOf = (message: string) => fixOfRestore("qa", "20260302-021700", message);
    const again = /make restore STAGE=qa BACKUP=20260302-021700/;
    const refused = [
      ["the schema of backup 20260302-021700 is 0003, and …", /ARGS=--other-schema$/],
      ["the volume of the database has no room for a restore …", /todo-app:database\.storage/],
    ] as const;
    for (const [message, fix] of refused) {
      assert.match(fixOf(message), fix);
      assert.match(fixOf(message), again);
    }
    assert.match(
      fixOf("the dump was altered"),
      /^the database is as it was; make backups STAGE=qa/,
    );
  });

  it("show sizes and ages in words", () => {
    assert.deepEqual([0, 512, 86_704, 5 * 2 ** 20, 3.25 * 2 ** 30].map(sizeText), [
      "0 B",
      "512 B",
      "85 KiB",
      "5.0 MiB",
      "3.3 GiB",
    ]);
    assert.deepEqual([5, 90, 9000, 864_000].map(ageText), ["5 s", "1.5 min", "2.5 h", "10 d"]);
  });
});
