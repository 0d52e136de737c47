/**
 * Pages of messages as a value that events and own writes move on. No I/O. Pages go from the newest to the oldest.
 *
 *     what is cached = history, and own writes that it does not hold yet on top
 *
 * A page says what of it is history, so that it can be told from what shows wherever a page goes. The
 * same event twice is as good as once: what happened while a page was read may be in the page or not.
 */

import { type EventItem, type Message, reduceMessages, type ShownMessage } from '@collab/client'
import type { InfiniteData } from '@tanstack/query-core'

/** A message; `pendingKey`: the key of the write that history does not hold yet. */
export interface CachedMessage extends ShownMessage { readonly pendingKey?: string }

/** One page, ascending; `more`: there are older ones. */
export interface MessagePage {
  readonly messages: readonly CachedMessage[]
  readonly more: boolean
  /** What the server has of it, where own writes show that it does not have yet; left out: the same. */
  readonly history?: readonly Message[]
}

/** What the cache holds. A page's parameter is the id before which it ends; null: the newest. */
export type MessagePages = InfiniteData<MessagePage, number | null>

/** A write of one's own that history may not hold yet. */
export interface OwnWrite {
  /** Shows it. `seq`: that of its event, as soon as the server has told. */
  readonly apply: (pages: MessagePages, seq: number | null) => MessagePages
  /** The parts that it posts: the event that does so is its own. Null: it posts nothing. */
  readonly posts: Message['parts'] | null
  seq: number | null
}

/** One thing that happened to history: an event, or it starts over at this newest page. */
export type Change = EventItem | MessagePage

/** Returns history after `change`. */
export function after (history: MessagePages, change: Change): MessagePages {
  return 'kind' in change ? afterEvent(history, change) : startedOver(change)
}

function startedOver ({ messages, more }: MessagePage): MessagePages {
  return { pages: [{ messages, more }], pageParams: [null] }
}

/** Returns the pages without what only this client knows. */
export function historyOf (pages: MessagePages): MessagePages {
  return mapped(pages, page => page.history === undefined ? page : { messages: page.history, more: page.more })
}

/** Returns history with own writes on top. */
export function withOwn (history: MessagePages, own: readonly OwnWrite[]): MessagePages {
  const shown = own.reduce((pages, { apply, seq }) => apply(pages, seq), history)
  return mapped(shown, (page, n) => {
    const { messages } = history.pages[n] as MessagePage
    return page.messages === messages ? page : { ...page, history: messages }
  })
}

/** What does not concern history, or is in it already, changes nothing. */
function afterEvent (history: MessagePages, event: EventItem): MessagePages {
  if (event.type === 'message.posted') return afterPosted(history, event)
  const id = event.data['id']
  return mapped(history, page => page.messages.some(message => message.id === id) ? moved(page, event) : page)
}

function afterPosted (history: MessagePages, event: EventItem): MessagePages {
  const [newest, ...older] = history.pages
  if (newest === undefined) return history
  const next = moved(newest, event)
  if (next === newest) return history
  // The newest page is full: what has fallen off it would be missing before the next one.
  if (next.messages.length === newest.messages.length) return startedOver(next)
  return { ...history, pages: [next, ...older] }
}

function moved (page: MessagePage, event: EventItem): MessagePage {
  const { messages, more } = reduceMessages({ messages: page.messages, more: page.more, leaf: 0 }, event)
  return messages === page.messages ? page : { messages, more }
}

/** Returns the pages with a message of one's own at the end. */
export function withPosted (pages: MessagePages, message: CachedMessage): MessagePages {
  return mapped(pages, (page, n) => n === 0 ? { ...page, messages: [...page.messages, message] } : page)
}

/** Returns the pages in which `change` was made to one message. */
export function withChanged (pages: MessagePages, id: number, change: (message: CachedMessage) => CachedMessage): MessagePages {
  return mapped(pages, page => page.messages.some(message => message.id === id)
    ? { ...page, messages: page.messages.map(message => message.id === id ? change(message) : message) }
    : page)
}

/** Returns the same pages if none changed: whoever shows them is not told then. */
function mapped (pages: MessagePages, change: (page: MessagePage, n: number) => MessagePage): MessagePages {
  const next = pages.pages.map(change)
  return next.every((page, n) => page === pages.pages[n]) ? pages : { ...pages, pages: next }
}
