import type { Chat, ChatAndRole } from "@collab/client/wire";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Conversation } from "../live/conversation";
import type { Session } from "../live/session";
import { Store, useStore } from "../store";
import { codeOf, reasonOf } from "../words";
import { Waiting } from "./app";
import { ConnectionPill } from "./bits";
import { Icon } from "./icons";
import { InviteButton } from "./invite";
import { MessagesPane } from "./messages";
import { ThemeButton } from "./theme";

const NOTHING_UNSAVED = new Store(0);

interface Found {
  chat: Chat | null;
  role: string;
  problem: string;
}

/** One chat: its messages, with paging back to the first. */
export function ChatPage({ session, target }: { session: Session; target: string }): JSX.Element {
  const [conversation] = useState(() => new Conversation(session.client, target));
  const [found, setFound] = useState<Found>({ chat: null, role: "", problem: "" });
  useEffect(() => {
    const leaving = new AbortController();
    void follow(session, target, conversation, leaving.signal, setFound);
    return () => leaving.abort();
  }, [session, target, conversation]);
  const { messages } = useStore(conversation.messages);
  useEffect(() => {
    const newest = messages.at(-1);
    if (newest === undefined || document.visibilityState !== "visible") return;
    const args = { target, message_id: newest.id };
    session.client.call(`user:${session.user}`, "user.read", args).catch(() => undefined); // Not listed yet.
  }, [session, target, messages]);
  if (found.problem) {
    return (
      <main class="alone">
        <h1>You cannot see this chat</h1>
        <p class="quiet" role="alert">{found.problem}</p>
        <p><a href="/">To my meetings and chats</a></p>
      </main>
    );
  }
  if (found.chat === null) return <Waiting words="Opening the chat …" />;
  return (
    <div class="chat">
      <header class="bar">
        <a class="button-plain button-icon back" href="/" aria-label="To my meetings and chats"><Icon name="back" /></a>
        <h1 class="grow clip room-title">{found.chat.title || "Chat"}</h1>
        <ConnectionPill client={session.client} unsaved={NOTHING_UNSAVED} />
        <InviteButton
          kind="chat" roles={["editor", "viewer"]}
          invite={found.role === "owner" ? (userId, role) => add(session, target, userId, role) : null}
        />
        <ThemeButton />
      </header>
      <main class="chat-main">
        <MessagesPane
          client={session.client} user={session.user} conversation={conversation}
          mayPost={found.role === "owner" || found.role === "editor"} mayRemove={found.role === "owner"}
        />
      </main>
    </div>
  );
}

async function add(session: Session, target: string, userId: string, role: string): Promise<void> {
  await session.client.call(target, "members.add", { user_id: userId, role });
}

async function follow(
  session: Session, target: string, conversation: Conversation, signal: AbortSignal, show: (found: Found) => void,
): Promise<void> {
  try {
    const got = (await session.client.call(target, "chat.get", {}, { isRead: true, signal })) as unknown as ChatAndRole;
    let chat: Chat = got;
    for await (const item of session.client.follow(target, ["state", "messages"], { signal })) {
      if (item.kind === "snapshot") {
        chat = item.topics["state"] as unknown as Chat;
        conversation.load(item.topics);
      } else if (item.kind === "event" && item.topic === "messages") {
        conversation.take(item);
        continue;
      } else if (item.kind === "event") {
        chat = { ...chat, ...item.data };
      }
      document.title = `${chat.title || "Chat"} · collab`;
      show({ chat, role: got.role, problem: "" });
    }
  } catch (error) {
    if (!signal.aborted) show({ chat: null, role: "", problem: `${reasonOf(error)} (${codeOf(error)})` });
  }
}
