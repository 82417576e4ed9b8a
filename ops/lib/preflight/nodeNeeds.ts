/** What a stage needs of the cluster's nodes. */
import { SERVICE_NAMES } from "../../../config/services.ts";
import { itemsOf } from "./clusterApi.ts";
import type { Check } from "./findings.ts";

interface Node {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly nodeInfo: { readonly architecture: string; readonly operatingSystem: string };
  };
}

const namesOf = (nodes: readonly Node[]) => nodes.map(({ metadata }) => metadata.name).join(", ");

/**
 * Whether nodes can run the images. Built images are for one platform, and end with "exec format error" on nodes of another.
 * Prebuilt images may be for several platforms, so they are not checked.
 */
export const architecture: Check = async ({ images }, cluster) => {
  if (SERVICE_NAMES.every((name) => images[name])) return [];
  const reading = await cluster.read("/api/v1/nodes");
  const what = `nodes of todo-app:images.platform, ${images.platform}`;
  const nodes = (itemsOf(reading) as readonly Node[]).filter(
    ({ status }) => status.nodeInfo.operatingSystem === "linux",
  );
  const platform = ({ status }: Node) => `linux/${status.nodeInfo.architecture}`;
  const others = nodes.filter((node) => platform(node) !== images.platform);
  if (reading.state === "unknown")
    return [{ warning: `could not check: ${what} (${reading.reason})` }];
  if (!others.length) return [];
  const found = [...new Set(others.map(platform))];
  if (others.length < nodes.length)
    return [
      {
        warning: `${namesOf(others)} can't run images for ${images.platform}, which todo-app:images.platform has built: pods there end with "exec format error"`,
      },
    ];
  return [
    {
      missing: `${what}; there are only ${found.join(", ")}`,
      fix: `set todo-app:images.platform to ${found[0]}: the images are built for it`,
    },
  ];
};
