import { nameClients } from "@/lib/clientAddress";
import { isHttps, type Settings, settings } from "@/lib/settings";
import { redirectToHttps, sendHsts } from "@/lib/transport";
import { startMetrics } from "@/observability/metrics";
import { exitGracefully } from "@/observability/shutdown";

export async function start(): Promise<void> {
  const { FRONTEND_URL, HSTS_MAX_AGE, METRICS_PORT, OTEL_EXPORTER_OTLP_ENDPOINT, ...given } =
    settingsOrExit();
  nameClients({ header: given.CLIENT_IP_HEADER, proxies: given.TRUSTED_PROXIES });
  if (HSTS_MAX_AGE !== undefined) sendHsts(HSTS_MAX_AGE);
  if (isHttps() && given.HTTPS_REDIRECT) redirectToHttps(new URL(FRONTEND_URL).origin);
  let stopTracing = async (): Promise<void> => {};
  if (OTEL_EXPORTER_OTLP_ENDPOINT) {
    // loaded only if it is used
    const { startTracing } = await import("@/observability/tracing");
    stopTracing = startTracing();
  }
  if (process.env.NODE_ENV !== "production") return;
  startMetrics(METRICS_PORT);
  exitGracefully(stopTracing);
}

function settingsOrExit(): Settings {
  try {
    return settings();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
