import { type Settings, settings } from "@/lib/settings";
import { startMetrics } from "@/observability/metrics";
import { exitGracefully } from "@/observability/shutdown";

export async function start(): Promise<void> {
  const { METRICS_PORT, OTEL_EXPORTER_OTLP_ENDPOINT } = settingsOrExit();
  let stopTracing = async (): Promise<void> => {};
  if (OTEL_EXPORTER_OTLP_ENDPOINT) {
    // loaded by those alone who use it
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
