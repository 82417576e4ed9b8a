/** The distribution's Chromium, controlled with playwright-core. */
import { chromium, type Browser } from "playwright-core";

/** Starts a headless Chromium; `test/prerequisites.sh` installs it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
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
