/**
 * Downloads a manifest that config/pins.json names, and prints it if its content is the pinned one.
 *
 * Usage: node ops/manifest.ts <name> [<pins file>]
 */
import { OperatorError, main } from "./command.ts";
import { NoAnswer, download, manifestUrl, readPins, sha256 } from "./pins/pinsFile.ts";

await main(async () => {
  const [name = "", file = "config/pins.json"] = process.argv.slice(2);
  const { manifests } = readPins(file);
  const pin = manifests[name];
  if (!pin)
    throw new OperatorError(
      `there is no manifest "${name}" in ${file}`,
      `use one of ${Object.keys(manifests).join(", ")}, as in "make --silent manifest NAME=${Object.keys(manifests)[0]}"`,
    );
  const url = manifestUrl(pin, pin.version);
  const content = await download(url).catch((error: unknown) => {
    if (!(error instanceof NoAnswer)) throw error;
    throw new OperatorError(
      `${name} could not be downloaded: ${error.message}`,
      `look whether ${url} can be reached from here`,
    );
  });
  if (sha256(content) !== pin.sha256)
    throw new OperatorError(
      `${url} is not what ${file} pins: its SHA-256 is ${sha256(content)}, and ${pin.sha256} is wanted`,
      "install nothing; ask the project why a published release changed, and move to the next one with make update-pins",
    );
  process.stdout.write(content);
});
