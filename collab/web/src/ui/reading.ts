import { useEffect } from "preact/hooks";
import type { Conversation } from "../live/conversation";
import type { Session } from "../live/session";
import { useStore } from "../store";

const LOOKED_MS = 800; // What is shown for less was not read.

/** While the page is seen, what comes is read: the list of my meetings and chats says so on all my devices. */
export function useReading(session: Session, target: string, conversation: Conversation): void {
  const id = useStore(conversation.messages).messages.at(-1)?.id;
  useEffect(() => {
    if (id === undefined) return undefined;
    let isTold = false;
    const tell = (): void => {
      if (isTold || document.visibilityState !== "visible") return;
      isTold = true;
      // The list may not know of this place yet; the next message tells it again.
      session.client.call(`user:${session.user}`, "user.read", { target, message_id: id }).catch(() => (isTold = false));
    };
    const timer = setTimeout(tell, LOOKED_MS);
    document.addEventListener("visibilitychange", tell);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", tell);
    };
  }, [session, target, id]);
}
