import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import type { NextConfig } from "next";

const securityHeaders = [
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "Referrer-Policy", value: "strict-origin-when-cross-origin" },
  { key: "X-Frame-Options", value: "DENY" },
  { key: "Permissions-Policy", value: "camera=(), geolocation=(), microphone=()" },
];

/** Names a version by what it is made of, so that the same source gives the same output. */
function contentHash(): string {
  const files = globSync("**/*.{css,json,svg,ts,tsx}", {
    cwd: import.meta.dirname,
    exclude: (name) => ["node_modules", ".next", "next-env.d.ts"].includes(name),
  });
  const hash = createHash("sha256");
  for (const file of files.toSorted()) hash.update(file).update(readFileSync(file));
  return hash.digest("hex").slice(0, 20);
}

const config: NextConfig = {
  output: "standalone",
  generateBuildId: contentHash,
  // this folder is the project, also when a parent folder holds a lock file of its own
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
  // loaded before the server, by the container's command
  outputFileTracingIncludes: { "/": ["observability/logs.ts", "observability/listen.ts"] },
  // no image is resized here, so the native image library stays out of the container
  images: { unoptimized: true },
  outputFileTracingExcludes: { "*": ["node_modules/sharp/**", "node_modules/@img/**"] },
  poweredByHeader: false,
  compress: true,
  // of a request for a page, which none has; proxy.ts would have up to 10 MB kept in memory
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
