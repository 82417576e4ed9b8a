/**
 * Sets the scanners' findings against the waivers: every finding that no waiver covers, and every waiver that covers
 * nothing any more, is a failure.
 *
 * Usage: node test/scan/report.ts <waivers> <tool>.<part>..., the tools' own reports.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";

interface Finding {
  readonly check: string;
  /** Kind/name */
  readonly object: string;
  readonly text: string;
}

interface Report {
  readonly findings: readonly Finding[];
  /** Objects that the tool has a check for. */
  readonly objects: ReadonlySet<string>;
}

interface Waiver {
  readonly line: string;
  readonly covers: (tool: string, finding: Finding) => boolean;
}

/** "…/08-Deployment.backend.yaml" → "Deployment/backend" */
const objectOf = (file: string) =>
  basename(file)
    .replace(/^\d\d-|\.yaml$/g, "")
    .replace(".", "/");

const slug = (text: string) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-");

function checkov(text: string): Report {
  const results = [JSON.parse(text)].flat().map((framework: any) => framework.results ?? {});
  const failed = results.flatMap((result) => result.failed_checks ?? []);
  const passed = results.flatMap((result) => result.passed_checks ?? []);
  const unread = results.flatMap((result) => result.parsing_errors ?? []);
  return {
    objects: new Set([...failed, ...passed].map(({ file_path }) => objectOf(file_path))),
    findings: [
      ...failed.map((check) => ({
        check: check.check_id,
        object: objectOf(check.file_path),
        text: check.check_name,
      })),
      ...unread.map((file) => ({ check: "parse", object: objectOf(file), text: "unreadable" })),
    ],
  };
}

/** One check may find several faults: each is named by itself, so that a waiver of one lets no other pass. */
function kubeScore(text: string): Report {
  const OK = 10;
  const objects: any[] = JSON.parse(text);
  return {
    objects: new Set(objects.map(({ file_name }) => objectOf(file_name))),
    findings: objects.flatMap(({ file_name, checks }) =>
      checks
        .filter(({ grade, skipped }: any) => grade < OK && !skipped)
        .flatMap(({ check, comments }: any) =>
          (comments ?? [{ summary: check.name }]).map(({ summary }: any) => ({
            check: `${check.id}/${slug(summary)}`,
            object: objectOf(file_name),
            text: summary,
          })),
        ),
    ),
  };
}

function kubernetesValidate(text: string): Report {
  const lines = [...text.matchAll(/^(INFO|WARN|ERROR|FATAL) (\S+) (.*)$/gm)];
  return {
    objects: new Set(lines.map(([, , file]) => objectOf(file!))),
    findings: lines
      .filter(([, level]) => level !== "INFO")
      .map(([, level, file, message]) => ({
        check: level === "WARN" ? "no-schema" : "invalid",
        object: objectOf(file!),
        text: message!,
      })),
  };
}

const TOOLS: Readonly<Record<string, (text: string) => Report>> = {
  checkov,
  "kube-score": kubeScore,
  "kubernetes-validate": kubernetesValidate,
};

function readWaiver(line: string): Waiver {
  const [, tool, check, object] = /^(\S+) (\S+) (\S+) +# \S.*$/.exec(line) ?? [];
  if (!tool || !check || !object || !TOOLS[tool])
    throw new Error(
      `"${line}" is no waiver; allowed: <tool> <check> <Kind/name, or its beginning and *> # <reason>`,
    );
  const prefix = object.endsWith("*") ? object.slice(0, -1) : undefined;
  const covered = (name: string) =>
    prefix === undefined ? name === object : name.startsWith(prefix);
  return {
    line,
    covers: (by, finding) => by === tool && finding.check === check && covered(finding.object),
  };
}

const [waiversFile, ...reports] = process.argv.slice(2);
const waivers = readFileSync(waiversFile!, "utf8")
  .split("\n")
  .filter((line) => line && !line.startsWith("#"))
  .map(readWaiver);
const used = new Set<Waiver>();
const fail = (text: string) => {
  process.exitCode = 1;
  process.stdout.write(`not ok - ${text}\n`);
};

for (const file of reports) {
  const [tool, part] = basename(file).split(".");
  const { findings, objects } = TOOLS[tool!]!(readFileSync(file, "utf8"));
  const open = findings.filter((finding) => {
    const covering = waivers.filter(({ covers }) => covers(tool!, finding));
    for (const waiver of covering) used.add(waiver);
    return covering.length === 0;
  });
  for (const { check, object, text } of open) fail(`${part}: ${tool} ${check} ${object}: ${text}`);
  if (objects.size === 0) fail(`${part}: ${tool} looked at nothing`);
  else if (!open.length)
    process.stdout.write(
      `ok - ${part}: ${tool}, ${objects.size} objects, ${findings.length} findings waived\n`,
    );
}
for (const waiver of waivers.filter((each) => !used.has(each)))
  fail(`this waiver covers nothing any more, remove it: ${waiver.line}`);
