import { type Message, textOf } from "@collab/client";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { count, nameOf } from "../words";

const READ_LEN_MAX = 300;

/**
 * Says to screen readers what others have posted since one is here. The list itself says nothing: rows
 * come into it whenever somebody scrolls.
 */
export function Arrivals({ messages, user }: { messages: readonly Message[]; user: string }): JSX.Element {
  const [words, setWords] = useState("");
  const newestId = messages.at(-1)?.id ?? 0;
  const seen = useRef(newestId); // What is there at first was there before.
  useEffect(() => {
    const since = seen.current;
    seen.current = newestId;
    const arrived = messages.filter((message) => message.id > since && message.author !== user && !message.is_deleted);
    const last = arrived.at(-1);
    if (last === undefined) return;
    const said = `${nameOf(last.author)}: ${textOf(last).slice(0, READ_LEN_MAX)}`;
    setWords(arrived.length === 1 ? said : `${count(arrived.length, "new message")}, the last by ${said}`);
  }, [newestId, user]);
  return <p class="hidden-words" role="status" aria-label="New messages">{words}</p>;
}
