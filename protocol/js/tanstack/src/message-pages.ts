/** Pages of messages as a value that events and own writes move on. No I/O. Pages go from the newest to the oldest. */

import {
  type EventItem, type Message, type MessagesShown, NOT_YET, reduceMessages, type ShownMessage
} from '@collab/client'
import type { InfiniteData } from '@tanstack/query-core'

/** A message; `pendingKey`: the key of the write that history does not hold yet. */
export interface CachedMessage extends ShownMessage { readonly pendingKey?: string }

/** One page, ascending; `more`: there are older ones. */
export interface MessagePage {
  readonly messages: readonly CachedMessage[]
  readonly more: boolean
}

/** What the cache holds. A page's parameter is the id before which it ends; null: the newest. */
export type MessagePages = InfiniteData<MessagePage, number | null>

const PAGE_LEN_MAX = 1_000 // Of the newest page, which grows; beyond, what is older is paged anew.

/** Returns the pages after `event`. */
export function afterEvent (pages: MessagePages, event: EventItem): MessagePages {
  if (event.type === 'message.posted') return withPosted(pages, posted(event))
  return mapped(pages, page => {
    const shown: MessagesShown = { messages: page.messages, more: page.more, leaf: 0 }
    return { ...page, messages: reduceMessages(shown, event).messages }
  })
}

/** Returns the pages when only the newest, `first`, is known to be right; own pending messages stay. */
export function startedOver (pages: MessagePages | undefined, first: MessagePage): MessagePages {
  return { pages: [{ ...first, messages: [...first.messages, ...pendingIn(pages)] }], pageParams: [null] }
}

/** Returns the messages that history does not hold yet. */
export function pendingIn (pages: MessagePages | undefined): readonly CachedMessage[] {
  return pages?.pages[0]?.messages.filter(isPending) ?? []
}

/** Returns the pages with a message that only this client knows, at the end. */
export function withPending (pages: MessagePages, message: CachedMessage): MessagePages {
  return mapped(pages, (page, n) => n === 0 ? { ...page, messages: [...page.messages, message] } : page)
}

/** Returns the pages without the message of that write. */
export function withoutPending (pages: MessagePages, pendingKey: string): MessagePages {
  return mapped(pages, page => ({
    ...page, messages: page.messages.filter(message => !(isPending(message) && message.pendingKey === pendingKey))
  }))
}

/** Returns the pages when the write has been answered: its message has an id, if its event has not come yet. */
export function confirmed (pages: MessagePages, pendingKey: string, id: number): MessagePages {
  if (pages.pages.some(({ messages }) => messages.some(message => message.id === id))) return withoutPending(pages, pendingKey)
  return mapped(pages, page => ({
    ...page,
    messages: page.messages.map(message =>
      message.pendingKey === pendingKey && isPending(message) ? { ...message, id, isPending: false } : message)
  }))
}

/** Returns the pages in which `change` was made to one message. */
export function withChanged (pages: MessagePages, id: number, change: (message: CachedMessage) => CachedMessage): MessagePages {
  return mapped(pages, page => ({ ...page, messages: page.messages.map(message => message.id === id ? change(message) : message) }))
}

/** Returns the message with this id, if it is cached. */
export function messageIn (pages: MessagePages, id: number): CachedMessage | undefined {
  return pages.pages.flatMap(({ messages }) => messages).find(message => message.id === id)
}

function withPosted (pages: MessagePages, message: Message): MessagePages {
  const [first, ...older] = pages.pages
  if (first === undefined) return pages
  const known = first.messages.filter(({ id }) => id !== message.id)
  // The oldest pending message with these words is this one: messages of one author come in order.
  const own = known.findIndex(other => isPending(other) && other.author === message.author && isAlike(other, message))
  if (own >= 0) known.splice(own, 1)
  const history = known.filter(other => !isPending(other))
  const messages = [...history, message, ...known.filter(isPending)]
  if (messages.length <= PAGE_LEN_MAX) return { ...pages, pages: [{ ...first, messages }, ...older] }
  return startedOver(undefined, { messages: messages.slice(-PAGE_LEN_MAX), more: true })
}

function posted (event: EventItem): Message {
  const { messages } = reduceMessages({ messages: [], more: false, leaf: 0 }, event)
  return messages[0] as Message
}

function isPending (message: CachedMessage): boolean {
  return message.id === NOT_YET
}

function isAlike (a: Message, b: Message): boolean {
  return JSON.stringify(a.parts) === JSON.stringify(b.parts)
}

function mapped (pages: MessagePages, change: (page: MessagePage, n: number) => MessagePage): MessagePages {
  return { ...pages, pages: pages.pages.map(change) }
}
