/** `make manifest`: downloads a manifest that config/pins.json names, and prints it if it has the pinned content. */
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { NoAnswer, download, manifestUrl, readPins, sha256 } from "./lib/pins/pinsFile.ts";

async function printManifest(name: string, file: string): Promise<void> {
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
      `check whether this machine can reach ${url}`,
    );
  });
  if (sha256(content) !== pin.sha256)
    throw new OperatorError(
      `${url} is not what ${file} pins: its SHA-256 is ${sha256(content)}, and ${pin.sha256} is wanted`,
      "install nothing; ask the project why a published release changed, and move to the next one with make update-pins",
    );
  process.stdout.write(content);
}

await command(
  {
    name: "manifest",
    summary:
      "Downloads a manifest that config/pins.json names, and prints it if its content has the pinned hash. Otherwise it " +
      "prints nothing, so that `kubectl apply` after a pipe installs nothing.",
    usage: ["<name>", "[<file of pins>]"],
    example: "make --silent manifest NAME=certManager",
  },
  ({ args: [name = "", file = "config/pins.json"] }) => printManifest(name, file),
);
