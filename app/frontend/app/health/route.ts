import { answerProbes } from "@/lib/health";
import packageJson from "@/package.json";

export const dynamic = "force-dynamic";

export const GET = answerProbes({ status: "ok", version: packageJson.version });
