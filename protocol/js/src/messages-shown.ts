/** Messages as one value that events and local writes move on. No I/O. */

import type { Message, MessagesSnapshot } from './generated/wire.js'
import type { EventItem, SnapshotItem } from './items.js'
import { MESSAGES_SHOWN_MAX } from './limits.js'

/** Id of a message that history does not hold yet. */
export const NOT_YET = 0

export type Part = Message['parts'][number]

/** A message; `isPending`: only this client knows it. */
export interface ShownMessage extends Message { readonly isPending?: boolean }

/** The newest messages: `MESSAGES_SHOWN_MAX`, or as many as were paged to; `more`: there are older ones. */
export interface MessagesShown {
  readonly messages: readonly ShownMessage[]
  readonly more: boolean
  readonly leaf: number
}

/** Returns the text parts of `message`, one after the other. */
export function textOf (message: Message): string {
  return message.parts.map(part => part.type === 'text' ? part.text : '').join('')
}

/** Returns the state of a snapshot of the topic `messages`. */
export function loadMessages (topics: SnapshotItem['topics']): MessagesShown {
  const { messages, more, leaf } = topics['messages'] as MessagesSnapshot
  return { messages, more, leaf }
}

/** Returns the state after `event`; what does not concern it, or is in it already, changes nothing. */
export function reduceMessages (shown: MessagesShown, event: EventItem): MessagesShown {
  const fields = event.data
  switch (event.type) {
    case 'message.posted':
      if (event.seq <= (newestOf(shown)?.id ?? NOT_YET)) return shown
      return appended(shown, {
        ...blank(event.by, event.at_ms), ...(fields as Partial<Message>), id: event.seq, n: nextNumber(shown)
      })
    case 'message.edited':
      return edited(shown, fields['id'] as number, fields['parts'] as Part[], event.at_ms, event.seq)
    case 'message.deleted':
      return deleted(shown, fields['id'] as number)
    case 'message.reacted':
      return reacted(shown, fields['id'] as number, fields['emoji'] as string, (fields['of'] as string | null | undefined) ?? event.by, fields['on'] === true)
    case 'chat.branched':
      return { ...shown, leaf: fields['message_id'] as number }
    default:
      return shown
  }
}

/** Messages are counted from 1; 0: nobody has counted them. */
function nextNumber (shown: MessagesShown): number {
  const newest = newestOf(shown)
  return newest?.n === 0 ? 0 : (newest?.n ?? 0) + 1
}

/** Ids grow: whatever has one up to this one's is in the state, or was. */
function newestOf ({ messages }: MessagesShown): ShownMessage | undefined {
  return messages.findLast(({ id }) => id !== NOT_YET)
}

/** Returns a message of `author` that says nothing yet. */
export function blank (author: string, atMs: number): ShownMessage {
  return {
    id: NOT_YET,
    author,
    role: 'user',
    parts: [],
    at_ms: atMs,
    parent: 0,
    reply_to: null,
    group_id: null,
    model: null,
    edited_ms: null,
    edits: [],
    reactions: {},
    is_deleted: false,
    n: 0
  }
}

/** Returns the state with one more message; once it is full the oldest falls off. */
export function appended (shown: MessagesShown, message: ShownMessage): MessagesShown {
  const messages = [...shown.messages, message]
  const isFull = shown.messages.length >= MESSAGES_SHOWN_MAX
  return {
    messages: isFull ? messages.slice(1) : messages,
    more: shown.more || isFull,
    leaf: message.id === NOT_YET ? shown.leaf : message.id
  }
}

/** Returns the state with a page of what is older, of history, in front. */
export function preceded (shown: MessagesShown, older: readonly ShownMessage[], more: boolean): MessagesShown {
  return { ...shown, messages: [...older, ...shown.messages], more }
}

/** Returns the state in which a message says something else; `seq` is that of the edit, once it is known. */
export function edited (shown: MessagesShown, id: number, parts: Part[], atMs: number, seq?: number): MessagesShown {
  return changed(shown, id, message => {
    if (message.is_deleted || (seq !== undefined && message.edits.includes(seq))) return message
    return { ...message, parts, edited_ms: atMs, edits: seq === undefined ? message.edits : [...message.edits, seq] }
  })
}

/** Returns the state in which a message is empty; its place stays. */
export function deleted (shown: MessagesShown, id: number): MessagesShown {
  return changed(shown, id, message => ({ ...message, parts: [], reactions: {}, is_deleted: true }))
}

/** Returns the state in which `userId` has put an emoji on a message, or not. */
export function reacted (shown: MessagesShown, id: number, emoji: string, userId: string, on: boolean): MessagesShown {
  return changed(shown, id, message => {
    const users = message.reactions[emoji] ?? []
    if (message.is_deleted || users.includes(userId) === on) return message
    const { [emoji]: _, ...rest } = message.reactions
    const left = on ? [...users, userId] : users.filter(user => user !== userId)
    return { ...message, reactions: left.length > 0 ? { ...message.reactions, [emoji]: left } : rest } // In its place.
  })
}

function changed (shown: MessagesShown, id: number, change: (message: ShownMessage) => ShownMessage): MessagesShown {
  return { ...shown, messages: shown.messages.map(message => message.id === id ? change(message) : message) }
}
