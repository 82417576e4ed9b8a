import { backendUrl } from "@/lib/settings";

export function exitUnlessConfigured(): void {
  try {
    backendUrl();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
