/** Asks the release pages of the projects whose manifests are pinned. */
import {
  NoAnswer,
  ask,
  download,
  manifestUrl,
  numberOf,
  sha256,
  type ManifestPin,
} from "./pinsFile.ts";

/** Sorts `1.9.0` before `1.10.0`. */
export function isNewer(candidate: string, than: string): boolean {
  return candidate.localeCompare(than, "en", { numeric: true }) > 0;
}

/** The release that the project calls its latest: the page `latest` redirects to it. */
async function latestRelease({ releases, version }: ManifestPin): Promise<string> {
  const response = await ask(`${releases}/latest`, { redirect: "manual" });
  const latest = decodeURIComponent(response.headers.get("location")?.split("/tag/")[1] ?? "");
  if (!latest) throw new NoAnswer(`${releases}/latest does not redirect to a release`);
  const prefix = version.slice(0, version.length - numberOf(version).length);
  if (latest !== prefix + numberOf(latest) || !/^\d+(\.\d+)+$/.test(numberOf(latest)))
    throw new NoAnswer(`the latest release is ${latest}, which does not look like ${version}`);
  return latest;
}

/**
 * The pin of the newest release of a manifest.
 *
 * @throws NoAnswer where the project can't be reached, or where the content of the pinned version has changed
 */
export async function newestManifest(pin: ManifestPin): Promise<ManifestPin> {
  const latest = pin.held ? pin.version : await latestRelease(pin);
  const version = isNewer(latest, pin.version) ? latest : pin.version;
  const hash = sha256(await download(manifestUrl(pin, version)));
  if (version === pin.version && hash !== pin.sha256)
    throw new NoAnswer(
      `${manifestUrl(pin, version)} has changed since it was pinned: its SHA-256 is ${hash}; the pin stays`,
    );
  return { ...pin, version, sha256: hash };
}
