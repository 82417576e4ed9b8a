/** Runs once at start: a wrong environment ends the server then, not each request later. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { start } = await import("@/observability/startup");
  await start();
}
