"use client";

import { useRef, useState } from "react";
import { useRefreshTasks } from "@/hooks/useTasks";
import { type ChatMessage, chat } from "@/lib/api";
import { localDay } from "@/lib/days";

/** The most messages that the API accepts; older ones are not sent. */
const REMEMBERED = 50;

export function useChat() {
  const [messages, setMessages] = useState<readonly ChatMessage[]>([]);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController>(null);
  const refreshTasks = useRefreshTasks();

  async function ask(question: readonly ChatMessage[]): Promise<void> {
    const controller = new AbortController();
    running.current = controller;
    setMessages(question);
    setProblem(undefined);
    setBusy(true);
    let answer = "";
    try {
      const remembered = question.slice(-REMEMBERED);
      for await (const event of chat(remembered, localDay(new Date()), controller.signal)) {
        if (event.type === "tasks_changed") void refreshTasks();
        if (event.type === "error") setProblem(event.message);
        if (event.type !== "text") continue;
        answer += event.text;
        setMessages([...question, { role: "assistant", content: answer }]);
      }
    } catch (error) {
      if (!controller.signal.aborted)
        setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }

  return {
    messages,
    problem,
    busy,
    send: (content: string) => ask([...messages, { role: "user", content }]),
    /** Asks the last question again. */
    retry: () => ask(messages.slice(0, messages.findLastIndex(({ role }) => role === "user") + 1)),
    stop: () => running.current?.abort(),
  };
}
