import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ChatRoom } from "../live/chat-room";
import type { Session } from "../live/session";
import { Store, useStore } from "../store";
import { ConnectionPill, Heading } from "./bits";
import { Icon } from "./icons";
import { InviteButton } from "./invite";
import { MessagesPane } from "./messages";
import { useReading } from "./reading";
import { ThemeButton } from "./theme";

const NOTHING_UNSAVED = new Store(0);
const SHUT: Readonly<Record<string, readonly [title: string, words: string]>> = {
  permission_denied: ["You cannot see this chat", "Whoever it belongs to has not let you in, or the link is not whole."],
  not_found: ["This chat is gone", "It was deleted."],
};

/** One chat: its messages, with paging back to the first. */
export function ChatPage({ session, target }: { session: Session; target: string }): JSX.Element {
  const [room, setRoom] = useState<ChatRoom | null>(null);
  useEffect(() => {
    const made = new ChatRoom(session.client, target, session.user);
    setRoom(made);
    return () => made.close();
  }, [session, target]);
  return room === null ? <Frame session={session} title={null} /> : <ChatView session={session} room={room} />;
}

function ChatView({ session, room }: { session: Session; room: ChatRoom }): JSX.Element {
  const now = useStore(room.now);
  const title = now.is === "here" ? now.chat.title || "Chat" : null;
  useReading(session, room.target, room.conversation);
  useEffect(() => {
    document.title = `${title ?? "Chat"} · collab`;
  }, [title]);
  if (now.is === "shut") {
    const [heading, words] = SHUT[now.code] ?? ["The chat cannot be opened", `The server says: ${now.reason}`];
    return (
      <main class="alone">
        <Heading>{heading}</Heading>
        <p class="quiet" role="alert">{words}</p>
        <p><a href="/">To my meetings and chats</a></p>
      </main>
    );
  }
  if (now.is === "opening") return <Frame session={session} title={null} />;
  const invite = <InviteButton kind="chat" roles={["editor", "viewer"]} invite={now.role === "owner" ? (who, role) => room.add(who, role) : null} />;
  return (
    <Frame session={session} title={title} deeds={invite}>
      <MessagesPane
        client={session.client} user={session.user} conversation={room.conversation}
        mayPost={now.role === "owner" || now.role === "editor"} mayRemove={now.role === "owner"}
      />
    </Frame>
  );
}

/** What stands around a chat; without a title it is being opened. */
function Frame(props: { session: Session; title: string | null; deeds?: ComponentChildren; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="chat">
      <header class="bar">
        <a class="button-plain button-icon back" href="/" aria-label="To my meetings and chats"><Icon name="back" /></a>
        {props.title === null
          ? <span class="grow" />
          : <Heading class="grow clip room-title">{props.title}</Heading>}
        <ConnectionPill client={props.session.client} unsaved={NOTHING_UNSAVED} />
        {props.deeds}
        <ThemeButton />
      </header>
      <main class="chat-main">
        {props.title === null ? <p class="quiet pane-empty" role="status">Opening the chat …</p> : props.children}
      </main>
    </div>
  );
}
