/** Paging: everything older, page by page, as a loop that can be left. */

import type { Message, TranscriptLine, ListedItem } from './generated/wire.js'
import type { Target } from './target.js'

/** How pages are asked for. */
export interface PageOptions<P> {
  /** Where to begin: everything before this. Left out: from the newest on. */
  readonly before?: P | null | undefined
  /** Most items of one page. The server may give fewer. */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Yields pages of messages, newest page first, each ascending. Throws as `Client.ask`. */
export async function * olderMessages (target: Target<'meeting'> | Target<'chat'>, options: PageOptions<number> = {}): AsyncGenerator<Message[], void> {
  let before = options.before ?? null
  for (;;) {
    const { messages, more } = await (target as Target<'chat'>).look('messages.page', { before, ...limitOf(options) }, { signal: options.signal })
    if (messages.length > 0) yield messages
    if (!more || messages[0] === undefined) return
    before = messages[0].id
  }
}

/** Yields the lines of pages of buckets, newest page first, each in order of speech. Throws as `Client.ask`. */
export async function * olderLines (target: Target<'meeting'>, options: PageOptions<number> = {}): AsyncGenerator<TranscriptLine[], void> {
  let before = options.before ?? null
  for (;;) {
    const { buckets, has_more: more } = await target.look('transcript.page', { before, ...limitOf(options) }, { signal: options.signal })
    const lines = buckets.flatMap(bucket => bucket.lines)
    if (lines.length > 0) yield lines
    if (!more || buckets[0] === undefined) return
    before = buckets[0].position
  }
}

/** Yields pages of one's own list, newest first. Throws as `Client.ask`. */
export async function * olderItems (target: Target<'user'>, options: PageOptions<string> = {}): AsyncGenerator<ListedItem[], void> {
  let before = options.before ?? null
  for (;;) {
    const { items, more, cursor } = await target.look('user.list', { before, ...limitOf(options) }, { signal: options.signal })
    if (items.length > 0) yield items
    if (!more || cursor === null) return
    before = cursor
  }
}

function limitOf ({ limit }: { readonly limit?: number | undefined }): { limit?: number } {
  return limit === undefined ? {} : { limit }
}
