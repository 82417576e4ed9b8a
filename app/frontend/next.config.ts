import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { NextConfig } from "next";

const securityHeaders = [
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "Referrer-Policy", value: "strict-origin-when-cross-origin" },
  { key: "X-Frame-Options", value: "DENY" },
  { key: "Permissions-Policy", value: "camera=(), geolocation=(), microphone=()" },
];

/** The build id: a hash of the source, so that the same source gives the same output. */
function contentHash(): string {
  const files = globSync("**/*.{css,json,svg,ts,tsx}", {
    cwd: import.meta.dirname,
    exclude: (name) => ["node_modules", ".next", "next-env.d.ts"].includes(name),
  });
  const hash = createHash("sha256");
  for (const file of files.toSorted()) hash.update(file).update(readFileSync(file));
  return hash.digest("hex").slice(0, 20);
}

/** The folder that has the packages: this one, or one above it where `development.ts` runs. */
const root = join(createRequire(import.meta.url).resolve("next/package.json"), "../../..");

/** The host names under which browsers reach `next dev`, which answers no others. */
const developmentHosts = [process.env.FRONTEND_URL, ...(process.env.PUBLIC_URLS ?? "").split(",")]
  .filter((url) => url && URL.canParse(url))
  .map((url) => new URL(url!).hostname);

const config: NextConfig = {
  output: "standalone",
  generateBuildId: contentHash,
  // otherwise Next.js takes a parent folder with a lock file as the root of the project
  outputFileTracingRoot: root,
  turbopack: { root },
  allowedDevOrigins: developmentHosts,
  // files that the container's command loads before the server
  outputFileTracingIncludes: { "/": ["observability/logs.ts", "observability/listen.ts"] },
  // the app resizes no images, so the native image library is left out of the container
  images: { unoptimized: true },
  outputFileTracingExcludes: { "*": ["node_modules/sharp/**", "node_modules/@img/**"] },
  poweredByHeader: false,
  compress: true,
  // proxy.ts keeps request bodies in memory, by default up to 10 MB; requests for pages have none
  experimental: { proxyClientMaxBodySize: "16kb" },
  reactStrictMode: true,
  headers: async () => [{ source: "/:path*", headers: securityHeaders }],
  rewrites: async () => ({
    beforeFiles: [],
    afterFiles: [],
    fallback: [{ source: "/_next/static/:path*", destination: "/peer-assets/:path*" }],
  }),
};

export default config;
