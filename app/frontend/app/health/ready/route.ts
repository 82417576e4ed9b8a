/** Ready as soon as it serves: without the backend the page still explains what is wrong. */
export const dynamic = "force-dynamic";

export function GET(): Response {
  return Response.json({ status: "ok" });
}
