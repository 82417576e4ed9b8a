/** Resolves imports of "@/…" in Node.js; the bundler of the app finds them by tsconfig.json. */
import { registerHooks } from "node:module";

const root = new URL("../", import.meta.url);

registerHooks({
  resolve: (specifier, context, next) =>
    specifier.startsWith("@/")
      ? next(new URL(`${specifier.slice(2)}.ts`, root).href, context)
      : next(specifier, context),
});
