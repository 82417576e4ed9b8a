/** Whether the migrations of a new release allow it to run beside the deployed one. */
import { OperatorError } from "../errors.ts";
import { incompatibleMigrations } from "../revisions/restore.ts";
import { migrationsInSource, type Migrations, type Revision } from "../revisions/revision.ts";

/**
 * The migrations of a new release: those of the checkout, or of the configured image of the backend.
 *
 * @param image the configured image of the backend; undefined where it is built
 * @param revisions those that are kept, newest first
 * @throws OperatorError where they are not known
 */
export function migrationsOf(
  stage: string,
  image: string | undefined,
  revisions: readonly Revision[],
): Migrations {
  if (!image) return migrationsInSource();
  const known = revisions.find(({ images, migrations }) => images.backend === image && migrations);
  if (known) {
    const { migrations, backwardCompatible } = known;
    return { migrations, ...(backwardCompatible && { backwardCompatible }) };
  }
  throw new OperatorError(
    `it is not known which migrations the configured image of the backend has (${image}), and they run before the canary`,
    `build the canary from its checkout: pulumi config rm --stack ${stage} --path todo-app:images.backend`,
  );
}

/**
 * Both releases run on the schema that the new one's migrations leave.
 *
 * @param revisions those that are kept, newest first; the first one is deployed
 * @throws OperatorError where one of the releases may not run on that schema
 */
export function checkMigrations(
  stage: string,
  release: Migrations,
  revisions: readonly Revision[],
): void {
  const deployed = revisions[0]!;
  const incompatible = incompatibleMigrations(deployed, [release]);
  if (incompatible.length)
    throw new OperatorError(
      `the deployed release of ${stage} would go on on the schema that the canary's migrations leave, and they do not say that it can:\n` +
        incompatible.map((name) => `  ${name}`).join("\n"),
      `if every older release runs on that schema, say so in the migration: backward_compatible = True; else make up STAGE=${stage}`,
    );
  const unknown = incompatibleMigrations(release, revisions);
  if (unknown.length)
    throw new OperatorError(
      `the database of ${stage} has migrations that the canary does not know: ${unknown.join(", ")}`,
      "take a checkout that has them",
    );
}
