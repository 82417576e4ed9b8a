import {
  ActionIcon,
  Alert,
  Button,
  CloseButton,
  Drawer,
  Loader,
  Text,
  Textarea,
  Title,
} from "@mantine/core";
import { useMediaQuery, useSessionStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type KeyboardEvent, useEffect, useRef } from "react";
import { Icon } from "@/components/Icon";
import { useChat } from "@/hooks/useChat";
import { get } from "@/lib/api";

const MESSAGE_LENGTH = 4_000;
const EXAMPLES = ["What is due this week?", "Add “Buy milk” for tomorrow"];

interface AssistantProps {
  readonly userId: string;
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** Shown beside the tasks on a wide screen, and over them on a small one. */
export function Assistant({ userId, opened, onClose }: AssistantProps) {
  const hasRoom = useMediaQuery("(min-width: 62em)");
  const chat = useChat();
  const panel = <Conversation userId={userId} chat={chat} onClose={onClose} />;
  if (hasRoom) {
    return opened ? (
      <aside className="assistant" aria-label="Assistant">
        {panel}
      </aside>
    ) : null;
  }
  return (
    <Drawer.Root opened={opened} onClose={onClose} position="right" size="100%">
      <Drawer.Content aria-label="Assistant" className="assistant-drawer">
        {panel}
      </Drawer.Content>
    </Drawer.Root>
  );
}

interface ConversationProps {
  readonly userId: string;
  readonly chat: ReturnType<typeof useChat>;
  readonly onClose: () => void;
}

function Conversation({ userId, chat, onClose }: ConversationProps) {
  const { data: model } = useQuery({
    queryKey: ["/api/chat"],
    queryFn: ({ signal }) => get<{ provider: string; model: string | null }>("/api/chat", signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <>
      <div className="assistant-bar">
        <Title order={2} size="h4">
          Assistant
        </Title>
        {model && <Text c="dimmed">{model.model ?? "built in"}</Text>}
        <CloseButton aria-label="Close the assistant" size="lg" onClick={onClose} />
      </div>
      <Messages chat={chat} />
      <Question userId={userId} chat={chat} />
    </>
  );
}

function Messages({ chat }: Pick<ConversationProps, "chat">) {
  const { messages, problem, busy } = chat;
  const log = useRef<HTMLDivElement>(null);
  // scrolls to the newest message
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [messages, problem]);
  const waiting = busy && messages.at(-1)?.role === "user";
  return (
    <div
      ref={log}
      className="messages"
      role="log"
      aria-busy={busy}
      aria-label="Conversation"
      tabIndex={0}
    >
      {messages.length === 0 && (
        <div className="examples">
          <Text c="dimmed">Ask about your tasks, or have them changed. For example:</Text>
          {EXAMPLES.map((text) => (
            <Button key={text} variant="default" onClick={() => void chat.send(text)}>
              {text}
            </Button>
          ))}
        </div>
      )}
      {messages.map(({ role, content }, index) => (
        <p key={index} className={`message-${role}`}>
          <span className="unseen">{role === "user" ? "You: " : "Assistant: "}</span>
          {content}
        </p>
      ))}
      {waiting && <Loader type="dots" aria-label="The assistant is thinking" />}
      {problem && (
        <Alert color="red" title="The assistant could not answer">
          <Text mb="xs">{problem}</Text>
          <Button size="xs" variant="default" onClick={() => void chat.retry()}>
            Try again
          </Button>
        </Alert>
      )}
    </div>
  );
}

function Question({ userId, chat }: Pick<ConversationProps, "userId" | "chat">) {
  const [text, setText] = useSessionStorage({ key: `question-${userId}`, defaultValue: "" });

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (chat.busy || text.trim() === "") return;
    setText("");
    void chat.send(text.trim());
  }

  function submitOnEnter(event: KeyboardEvent<HTMLTextAreaElement>): void {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
  }

  return (
    <form className="question" onSubmit={submit}>
      <Textarea
        aria-label="Message to the assistant"
        placeholder="Ask or tell…"
        autosize
        minRows={1}
        maxRows={6}
        maxLength={MESSAGE_LENGTH}
        autoFocus
        data-autofocus
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={submitOnEnter}
      />
      {chat.busy ? (
        <ActionIcon size={36} variant="default" aria-label="Stop" onClick={chat.stop}>
          <Icon name="stop" />
        </ActionIcon>
      ) : (
        <ActionIcon type="submit" size={36} aria-label="Send">
          <Icon name="send" />
        </ActionIcon>
      )}
    </form>
  );
}
