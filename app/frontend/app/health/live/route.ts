import { answerProbes } from "@/lib/health";

export const dynamic = "force-dynamic";

export const GET = answerProbes({ status: "ok" });
