/** Runs once when the server starts: ends it on a wrong environment, which would only fail each request. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { backendUrl } = await import("@/lib/settings");
  try {
    backendUrl();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
