/** The write-ahead log of a CloudNativePG cluster, on its way to the bucket. */
import { OperatorError } from "../errors.ts";
import { kubectl } from "../kubectl.ts";
import type { ClusterPlace } from "./place.ts";

/**
 * The log is archived in segments, and one that is not full waits for minutes. Until it is archived, the newest backup may be one
 * that can't be recovered: a standby does not wait for the log of its backup.
 */
const ARCHIVE = `
DO $$
DECLARE
  segment text := pg_walfile_name(pg_switch_wal() - 1);
BEGIN
  FOR second IN 1..60 LOOP
    IF NOT EXISTS (SELECT FROM pg_ls_archive_statusdir() WHERE name = segment || '.ready') THEN
      RETURN;
    END IF;
    PERFORM pg_sleep(1);
  END LOOP;
  RAISE EXCEPTION '% is not in the bucket after 60 s', segment;
END $$`;

/** Runs a script in a server, as its superuser. */
export function psqlIn(place: ClusterPlace, pod: string, database: string, script: string) {
  const psql = [
    ...["psql", "--username=postgres", `--dbname=${database}`, "--no-psqlrc", "--quiet"],
    ...["--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"],
  ];
  const command = ["exec", "--stdin", pod, "--container=postgres", "--", ...psql];
  return kubectl(place, command, script);
}

/** Has the primary archive what was written until now, and waits for it. */
export async function archiveUpToNow(
  place: ClusterPlace,
  primary: string | undefined,
): Promise<void> {
  const fix = `make doctor STAGE=${place.stage} says what is wrong; with BACKUP=<name>, an earlier backup is tried out as it is`;
  if (!primary) throw new OperatorError(`cluster ${place.cluster} has no primary`, fix);
  const { code, output } = await psqlIn(place, primary, "postgres", ARCHIVE);
  if (code === 0) return;
  throw new OperatorError(
    `the write-ahead log of ${place.cluster} can't be archived: ${output.trim()}`,
    `${fix}; the credentials must be allowed to create pods/exec`,
  );
}
