/**
 * Which test runs which command of the documentation: the command is as it is in the page but for the stage, or the test reads it from
 * the page. documentedCommands.test.ts checks that nothing is missing here, and that nothing here is of no use.
 */

/** Blocks that a test reads from the page and runs: page, heading, and the test, which names both. */
export const READ: readonly (readonly [string, string, string])[] = [
  ["README.md", "Quick start", "test/soak/9-newcomer.test.ts"],
  ["docs/app.md", "Run it without a cluster", "test/soak/11-local-app.test.ts"],
  ["docs/assistants.md", "A reader", "test/e2e/stages/8-reader.test.ts"],
  ["docs/assistants.md", "kagent", "test/e2e/stages/8-reader.test.ts"],
  ["docs/backup.md", "By hand", "test/e2e/18-documented.test.ts"],
  ["docs/backup.md", "By hand", "test/contract/backup.test.ts"],
  ["docs/backup.md", "Copy a backup out of the cluster", "test/soak/7-lost-cluster.test.ts"],
  ["docs/backup.md", "When the cluster is lost", "test/soak/7-lost-cluster.test.ts"],
  ["docs/configuration.md", "A new stage", "test/contract/documented.test.ts"],
  ["docs/pipelines.md", "The deployer of a pipeline", "test/e2e/stages/8-deployer.test.ts"],
  ["docs/registry.md", "An image that is gone", "test/e2e/18-documented.test.ts"],
  ["docs/rollback.md", "Roll back to a commit", "test/contract/documented.test.ts"],
  ["docs/state.md", "Move a stack", "test/contract/state.test.ts"],
  ["docs/state.md", "Secrets", "test/contract/state.test.ts"],
];

/** A target of make with what follows it, for any stage. */
const make = (target: string) =>
  new RegExp(`^make (--silent )?${target.replace("<stage>", "( STAGE=[a-z0-9-]+)?")}$`);

/** Commands by what they look like, the test that runs them, and words that it has for that. */
export const RUN: readonly (readonly [RegExp, string, string])[] = [
  // What pages let an operator look at: each of these tests takes the commands from all pages.
  [
    /^kubectl (--?\w+ \S+ )+(get (pods|events|nodes)|describe|logs|exec)\b/,
    "test/e2e/18-documented.test.ts",
    "documentedOnDev(",
  ],
  [
    /^pulumi stack --stack dev --show-urns \| grep -o /,
    "test/e2e/18-documented.test.ts",
    "documentedOnDev(",
  ],
  [
    /^kubectl .* create secret docker-registry /,
    "test/e2e/18-documented.test.ts",
    "documentedOnDev(",
  ],
  [/^pulumi config set /, "test/contract/documented.test.ts", "documentedCommands()"],

  [
    /^kubectl .* port-forward service\/frontend 3000$/,
    "test/e2e/2-service.test.ts",
    "port-forward service/frontend",
  ],
  [
    /^kubectl .*(name=drill|name=backup|cronjob backup)/,
    "test/e2e/12-backup.test.ts",
    "documentedOnDev(",
  ],
  [
    /^kubectl .* delete pvc backups$/,
    "test/e2e/12-backup.test.ts",
    "delete persistentvolumeclaim backups",
  ],
  [
    /^kubectl .* scale deployment\/backend deployment\/frontend --replicas/,
    "test/e2e/18-documented.test.ts",
    "scale deployment\\/backend deployment\\/frontend",
  ],
  [/^pg_restore /, "test/contract/backup.test.ts", '"Move the database"'],
  [/^curl --cacert /, "test/e2e/stages/8-reader.test.ts", '"docs/local-cluster.md"'],

  [
    /^sed s.* docs\/deployer-rbac.yaml \| kubectl --context production apply -f -$/,
    "test/e2e/stages/8-deployer.test.ts",
    '"The deployer of a pipeline"',
  ],
  [/^npm ci$/, "test/soak/9-newcomer.test.ts", "quickStart()"],
  [/^pulumi (stack init dev|up)$/, "test/soak/9-newcomer.test.ts", "quickStart()"],
  [/^mkdir todo-app$/, "test/contract/template.test.ts", "mkdirSync"],
  [/^pulumi new https:/, "test/contract/template.test.ts", '"new"'],
  [
    /^pulumi preview --stack staging --config-file/,
    "test/e2e/stages/8-reader.test.ts",
    '"docs/local-cluster.md"',
  ],
  [
    /^pulumi state unprotect --stack dev '<that urn>'$/,
    "test/e2e/12-backup.test.ts",
    "pulumi state unprotect",
  ],
  [
    /^pulumi up --stack dev --replace '<that urn>'$/,
    "test/e2e/18-documented.test.ts",
    "pulumi up --stack dev --replace",
  ],
  [
    /^pulumi stack --stack staging --show-urns \| grep -o 'urn:.*RandomPassword/,
    "test/e2e/18-documented.test.ts",
    '"Tags"',
  ],
  [
    /^pulumi state taint --stack staging --yes '<one of these>'$/,
    "test/e2e/18-documented.test.ts",
    '"Tags"',
  ],
  [/^git diff$/, ".github/workflows/checks.yml", "diff test/golden"],

  [
    /^eval "\$\(make --silent env STAGE=staging\)"$/,
    "test/e2e/stages/8-reader.test.ts",
    '"docs/operations.md"',
  ],
  [
    /^node ops\/drift.ts staging --json --exit-code$/,
    "test/e2e/13-drift.test.ts",
    "node ops/drift.ts dev --json --exit-code",
  ],
  [/^node ops\/preview.ts staging --json$/, "test/contract/operation.test.ts", "ops/preview.ts"],
  [
    /^node ops\/preview.ts staging --markdown > preview.md$/,
    "test/e2e/stages/7-pipeline.test.ts",
    '"preview.yml", "preview", "Preview"',
  ],
  [
    /^GITHUB_TOKEN=… node ops\/comment.ts /,
    "test/e2e/stages/7-pipeline.test.ts",
    '"preview.yml", "preview", "Comment"',
  ],
  [
    /^GITHUB_TOKEN=… make issue REPOSITORY=acme\/todo-app( ARGS=--close)? < report.md$/,
    "test/e2e/15-pipelines.test.ts",
    "make issue REPOSITORY=",
  ],

  [make("up<stage>( CLUSTER=local)?"), "test/e2e/1-deploy.test.ts", "make up"],
  [make("up<stage> ARGS=--smoke"), "test/e2e/11-smoke.test.ts", "make up ARGS=--smoke"],
  [make("up STAGE=dev NEW_CLUSTER=1"), "test/soak/7-lost-cluster.test.ts", "NEW_CLUSTER=1"],
  [make("up STAGE=pr-12"), "test/e2e/15-pipelines.test.ts", "make up STAGE=${STAGE}"],
  [make("down<stage>( ARGS=--remove)?"), "test/e2e/15-pipelines.test.ts", "ARGS=--remove"],
  [make("local-clean"), "test/e2e/cleanup.sh", "make local-clean"],
  [make("preview<stage>"), "test/e2e/5-bad-input.test.ts", "make preview"],
  [make("build-cache<stage>"), "test/e2e/18-documented.test.ts", "make build-cache"],
  [make("preflight<stage>"), "test/e2e/18-documented.test.ts", "make preflight"],
  [make("smoke<stage>( ARGS=--read-only)?"), "test/e2e/11-smoke.test.ts", "make smoke"],
  [make("smoke<stage> ARGS=--write"), "test/e2e/18-documented.test.ts", "make smoke ARGS=--write"],
  [make("doctor<stage>( ARGS=--json > doctor.json)?"), "test/e2e/14-doctor.test.ts", "make doctor"],
  [
    make("drift<stage>( ARGS=--json > drift.json)?"),
    "test/e2e/18-documented.test.ts",
    "make --silent drift ARGS=--json",
  ],
  [
    make("render<stage>( \\| kubectl .* diff -f -)?"),
    "test/e2e/14-render.test.ts",
    "make --silent render",
  ],
  [make("render<stage> OUT=.*"), "test/e2e/18-documented.test.ts", "make render OUT="],
  [make("history<stage>"), "test/e2e/alone/3-rollback.test.ts", "make --silent history"],
  [make("rollback<stage>( TO=3)?"), "test/e2e/alone/3-rollback.test.ts", "make rollback"],
  [
    make("promote FROM=staging TO=production"),
    "test/e2e/alone/3-promote.test.ts",
    "make promote FROM=staging TO=production",
  ],
  [
    make("promote FROM=staging TO=production REVISION=12"),
    "test/e2e/stages/7-pipeline.test.ts",
    '"deploy.yml"',
  ],
  [
    make("canary<stage> WEIGHT=[15]0"),
    "test/e2e/stages/9-canary.test.ts",
    "make canary STAGE=staging WEIGHT=",
  ],
  [
    make("canary-promote<stage>"),
    "test/e2e/stages/9-canary.test.ts",
    "make canary-promote STAGE=staging",
  ],
  [
    make("canary-abort<stage>"),
    "test/e2e/stages/9-canary.test.ts",
    "make canary-abort STAGE=staging",
  ],
  [make("rotate<stage> SECRET=auth"), "test/e2e/alone/1-change.test.ts", "make rotate SECRET=auth"],
  [
    make("rotate<stage> SECRET=auth ARGS=--leaked"),
    "test/e2e/alone/1-change.test.ts",
    "make rotate SECRET=auth ARGS=--leaked",
  ],
  [make("backup<stage>"), "test/e2e/12-backup.test.ts", "make backup"],
  [make("backups<stage>"), "test/e2e/12-backup.test.ts", "make backups"],
  [make("drill<stage>"), "test/e2e/12-backup.test.ts", "make drill"],
  [make("restore<stage> BACKUP=[0-9-]+"), "test/e2e/12-backup.test.ts", "make restore BACKUP="],
  [
    make("restore<stage> BACKUP=[0-9-]+ ARGS=--other-schema"),
    "test/unit/backupCommands.test.ts",
    "--other-schema",
  ],
  [make("nightly<stage> > report.md"), "test/e2e/15-pipelines.test.ts", "make --silent nightly"],
  [
    make("pr-stage FROM=staging NUMBER=12 .*"),
    "test/e2e/15-pipelines.test.ts",
    "make pr-stage FROM=",
  ],
  [make("sbom<stage>"), "test/e2e/7-images.test.ts", "make sbom"],
  [make("audit"), "test/lint.sh", "ops/audit.sh"],
  [make("scan"), "test/run.ts", "test/scan/scan.sh"],
  [make("golden"), ".github/workflows/checks.yml", "make golden"],
  [make("update-pins"), "test/unit/updatePins.test.ts", "update-pins"],
];
