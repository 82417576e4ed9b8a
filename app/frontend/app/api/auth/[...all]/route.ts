import { accountsUnavailable } from "@/lib/answer";
import { handleAuth } from "@/lib/auth";

const answer = (request: Request): Promise<Response> =>
  handleAuth(request).catch(accountsUnavailable);

export { answer as GET, answer as POST };
