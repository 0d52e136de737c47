// Pages of messages beside the newest ones, whose moving the client does.

import type { MessagesShown } from "@collab/client";
import type { Message } from "@collab/client/wire";

export const NO_MESSAGES: MessagesShown = { messages: [], more: false, leaf: 0 };

/** Takes a fresh snapshot; what was paged back before it and joins on is kept. */
export function joined(held: MessagesShown, fresh: MessagesShown): MessagesShown {
  const first = fresh.messages[0];
  if (first === undefined || !held.messages.some((message) => message.id === first.id)) return fresh;
  const older = held.messages.filter((message) => message.id < first.id);
  return older.length === 0 ? fresh : { ...fresh, messages: [...older, ...fresh.messages], more: held.more };
}

/** Puts a page of older ones in front. */
export function withOlder(held: MessagesShown, page: readonly Message[], more: boolean): MessagesShown {
  const first = held.messages[0]?.id ?? Infinity;
  return { ...held, messages: [...page.filter((message) => message.id < first), ...held.messages], more };
}
