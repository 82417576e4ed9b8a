/** The pages of the documentation, and where their links lead. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A file of the project. */
export const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

const withoutCode = (text: string) => text.replace(/^```[^]*?^```/gm, "");

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = withoutCode(read(page)).matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** The links of a page, without those in its examples. */
export const linksOf = (page: string): readonly string[] =>
  [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);

/** A link of a page that leads nowhere; undefined where it is right, or leads to another site. */
export function brokenLink(page: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [path, anchor] = link.split("#") as [string, string?];
  const target = path ? join(dirname(page), path) : page;
  if (!existsSync(join(ROOT, target))) return `${page}: ${link}: no such file`;
  if (!anchor || !target.endsWith(".md") || anchorsOf(target).has(anchor)) return undefined;
  return `${page}: ${link}: no such heading`;
}

/** The targets of the Makefile. */
export const makeTargets = (): readonly string[] =>
  [...read("Makefile").matchAll(/^([a-z-]+):/gm)].map(([, name]) => name!);
