/** Lets Node.js find what the app imports as "@/…", which its bundler finds by tsconfig.json. */
import { registerHooks } from "node:module";

const root = new URL("../", import.meta.url);

registerHooks({
  resolve: (specifier, context, next) =>
    specifier.startsWith("@/")
      ? next(new URL(`${specifier.slice(2)}.ts`, root).href, context)
      : next(specifier, context),
});
