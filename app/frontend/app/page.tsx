import { TaskBoard } from "@/components/TaskBoard";
import { backendUrl } from "@/lib/settings";
import { listTasks, type Task } from "@/lib/tasks";

const BACKEND_TIMEOUT_MS = 5_000;

export default async function Page() {
  return <TaskBoard initialTasks={await tasksOrNull()} />;
}

async function tasksOrNull(): Promise<Task[] | null> {
  try {
    return await listTasks(backendUrl().origin, AbortSignal.timeout(BACKEND_TIMEOUT_MS));
  } catch (error) {
    console.error("The page is shown without tasks:", error);
    return null;
  }
}
