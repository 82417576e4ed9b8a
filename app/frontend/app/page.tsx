import { HydrationBoundary } from "@tanstack/react-query";
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { TaskBoard } from "@/components/TaskBoard";
import { Unavailable } from "@/components/Unavailable";
import { currentUser } from "@/lib/auth";
import { firstPage } from "@/lib/firstPage";
import { readFilters } from "@/lib/tasks";

export default async function Page({ searchParams }: PageProps<"/">) {
  const incoming = new Headers(await headers());
  const found = await currentUser(incoming).catch((error: unknown) => {
    console.error("The session could not be read:", error);
    return "unknown" as const;
  });
  if (found === "unknown") return <Unavailable />;
  if (!found) redirect(hadSession(incoming) ? "/sign-in?reason=expired" : "/sign-in");
  const query = Object.entries(await searchParams).map(([name, value]) => [name, `${value}`]);
  const filters = readFilters(new URLSearchParams(query));
  const { id, name, email } = found;
  return (
    <HydrationBoundary state={await firstPage(id, filters, incoming)}>
      <TaskBoard user={{ id, name, email }} />
    </HydrationBoundary>
  );
}

const hadSession = (incoming: Headers): boolean =>
  incoming.get("cookie")?.includes("todo.session_token=") ?? false;
