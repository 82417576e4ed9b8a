import { accountsUnavailable, problem } from "@/lib/answer";
import { refreshedUser } from "@/lib/auth";
import { issueToken } from "@/lib/token";

/**
 * Issues a token for the backend. Browsers ask every few minutes, which also extends the session.
 */
export async function GET(request: Request): Promise<Response> {
  try {
    const { user, cookies } = await refreshedUser(request.headers);
    if (!user) return problem(401, "You are not signed in");
    const headers = new Headers({ "Cache-Control": "no-store" });
    for (const cookie of cookies) headers.append("Set-Cookie", cookie);
    return Response.json(await issueToken(user.id), { headers });
  } catch (error) {
    return accountsUnavailable(error);
  }
}
