import { answerProbes } from "@/lib/health";

export const dynamic = "force-dynamic";

/** Ready as soon as it serves: without the backend the page still explains what is wrong. */
export const GET = answerProbes({ status: "ok" });
