/** Next.js runs this once at the start, so that wrong settings stop the server before it serves. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { start } = await import("@/observability/startup");
  await start();
}
