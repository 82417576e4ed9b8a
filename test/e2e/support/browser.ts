/** The distribution's Chromium, driven through playwright-core. */
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";
import { sh } from "./shell.ts";

const EXECUTABLE = "/usr/bin/chromium";

/** Starts a headless Chromium, installing the distribution's package first where it is missing. */
export async function launchBrowser(): Promise<Browser> {
  if (!existsSync(EXECUTABLE))
    await sh("apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium");
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      "--no-sandbox", // it runs as root
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
