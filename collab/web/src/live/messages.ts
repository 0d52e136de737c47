// Messages as one value that the topic's snapshot and events move on. No I/O.

import type { Message, MessagesSnapshot } from "@collab/client";
import type { EventItem } from "@collab/client";

export interface Messages {
  readonly list: readonly Message[];
  /** There are older ones to page back to. */
  readonly more: boolean;
}

export const NO_MESSAGES: Messages = { list: [], more: false };

/** Takes a snapshot; what was paged back before it and joins on is kept. */
export function loadMessages(held: Messages, snapshot: MessagesSnapshot): Messages {
  const list = snapshot.messages;
  const first = list[0];
  const older = first ? held.list.filter((message) => message.id < first.id) : [];
  const joins = older.length > 0 && held.list.some((message) => message.id === first?.id);
  return joins ? { list: [...older, ...list], more: held.more } : { list, more: snapshot.more };
}

/** Puts a page of older ones in front. */
export function prependMessages(held: Messages, page: readonly Message[], more: boolean): Messages {
  const first = held.list[0]?.id ?? Infinity;
  return { list: [...page.filter((message) => message.id < first), ...held.list], more };
}

export function reduceMessages(held: Messages, event: EventItem): Messages {
  const data = event.data as unknown as { id: number; parts: Message["parts"]; emoji: string; on: boolean };
  switch (event.type) {
    case "message.posted":
      return { ...held, list: [...held.list, posted(event)] };
    case "message.edited":
      return change(held, data.id, (message) => ({ ...message, parts: data.parts, edited_ms: event.at_ms }));
    case "message.deleted":
      return change(held, data.id, (message) => ({ ...message, parts: [], reactions: {}, is_deleted: true }));
    case "message.reacted":
      return change(held, data.id, (message) => react(message, data.emoji, event.by, data.on));
    default:
      return held;
  }
}

export function textOf(message: Message): string {
  return message.parts.map((part) => ("text" in part && typeof part.text === "string" ? part.text : "")).join("");
}

function posted(event: EventItem): Message {
  const fields = event.data as unknown as Message;
  const blank = { edited_ms: null, edits: [], reactions: {}, is_deleted: false, n: 0 };
  return { ...fields, ...blank, id: event.seq, author: event.by, at_ms: event.at_ms };
}

function react(message: Message, emoji: string, user: string, on: boolean): Message {
  const others = (message.reactions[emoji] ?? []).filter((name) => name !== user);
  const users = on ? [...others, user] : others;
  const reactions = { ...message.reactions, [emoji]: users };
  if (users.length === 0) delete reactions[emoji];
  return { ...message, reactions };
}

function change(held: Messages, id: number, how: (message: Message) => Message): Messages {
  return { ...held, list: held.list.map((message) => (message.id === id ? how(message) : message)) };
}
