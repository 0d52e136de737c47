// Pages of messages beside the newest ones, whose moving the client does.

import type { MessagesShown } from "@collab/client";
import type { Message } from "@collab/client/wire";

export const NO_MESSAGES: MessagesShown = { messages: [], more: false, leaf: 0 };

/** Takes a fresh snapshot; what was paged back before it and joins on is kept, to be asked for again. */
export function joined(held: MessagesShown, fresh: MessagesShown): MessagesShown {
  const first = fresh.messages[0];
  if (first === undefined || !held.messages.some((message) => message.id === first.id)) return fresh;
  const older = held.messages.filter((message) => message.id < first.id);
  return older.length === 0 ? fresh : { ...fresh, messages: [...older, ...fresh.messages], more: held.more };
}

/** Puts a page in front of the message `before`, in place of what was held there. */
export function withPage(held: MessagesShown, before: number, page: readonly Message[], more: boolean): MessagesShown {
  const at = held.messages.findIndex((message) => message.id === before);
  if (at < 0) return held; // The list was replaced meanwhile: between it and the page would be a gap.
  const first = page[0]?.id ?? before;
  const older = more ? held.messages.slice(0, at).filter((message) => message.id < first) : [];
  return { ...held, messages: [...older, ...page, ...held.messages.slice(at)], more: older.length > 0 ? held.more : more };
}
