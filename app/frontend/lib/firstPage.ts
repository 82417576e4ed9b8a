import { type DehydratedState, dehydrate, QueryClient } from "@tanstack/react-query";
import { readAnswer } from "@/lib/answer";
import { backendUrl, correlation } from "@/lib/backend";
import { type Filters, taskPagePath } from "@/lib/tasks";
import { issueToken } from "@/lib/token";

const TIMEOUT_MS = 3_000;

/** Fetches the first data while the page is rendered. If that fails, the browser fetches it. */
export async function firstPage(
  userId: string,
  filters: Filters,
  incoming: Headers,
): Promise<DehydratedState> {
  const { token } = await issueToken(userId);
  const headers = { Authorization: `Bearer ${token}`, ...correlation(incoming) };
  const read = async (path: string) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return readAnswer(await fetch(backendUrl(path), { headers, signal, cache: "no-store" }));
  };
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const initialPageParam = null;
  await Promise.all([
    client.prefetchInfiniteQuery({
      queryKey: ["tasks", filters],
      queryFn: () => read(taskPagePath(filters, null)),
      initialPageParam,
    }),
    ...["/api/tasks/summary", "/api/chat"].map((path) =>
      client.prefetchQuery({ queryKey: [path], queryFn: () => read(path) }),
    ),
  ]);
  for (const { state } of client.getQueryCache().getAll()) {
    if (state.error) console.error("The page is shown without its data:", state.error.message);
  }
  return dehydrate(client);
}
