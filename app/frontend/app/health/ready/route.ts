import { answerProbes } from "@/lib/health";

export const dynamic = "force-dynamic";

/**
 * Does not ask the backend or the database: without them, the pages still explain what is wrong.
 */
export const GET = answerProbes({ status: "ok" });
