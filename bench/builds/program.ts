/**
 * A Pulumi program that builds the images of the folders `backend` and `frontend` with the component of the stack. It writes when each
 * of them was there, in milliseconds, into a file `<name>.done`.
 */
import { writeFileSync } from "node:fs";
import { ContainerImage } from "../../components/containerImage.ts";
import { SERVICE_NAMES } from "../../config/services.ts";
import { buildOf } from "./settings.ts";

for (const name of SERVICE_NAMES) {
  const image = new ContainerImage(`${name}-image`, {
    ...buildOf(name),
    tag: "pulumi",
    push: false,
  });
  image.revision.apply(() => writeFileSync(`${name}.done`, String(Date.now())));
}
