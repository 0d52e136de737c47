/** What `follow` gives: an async iterator over one target's topics. */

import type { Inbox } from './inbox.js'
import type { Item } from './items.js'
import type { Cursor } from './messages.js'

/**
 * Iterate over it, and leave the loop to stop following; or read in batches, and `close` it.
 *
 *     for await (const item of client.follow('meeting:m1', ['state'])) { … }
 *
 * It ends normally when it was closed, and throws `SubscriptionEnded` when the server ended it,
 * `ConnectFailed` or `ClientClosed` when the client is at its end, the signal's reason when it was
 * aborted; in each case after everything that was received has been handed out.
 */
export class Follower<I = Item> implements AsyncIterableIterator<I> {
  readonly #inbox: Inbox
  readonly #leave: () => void
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.#leave()

  /** Used by the client; `leave` may be called more than once. */
  constructor (inbox: Inbox, leave: () => void, signal: AbortSignal | undefined) {
    this.#inbox = inbox
    this.#leave = leave
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Where to go on with another `follow`: all up to here was handed out. Null: nothing. */
  get cursor (): Cursor | null {
    return this.#inbox.cursor
  }

  [Symbol.asyncIterator] (): this {
    return this
  }

  /** Resolves with the next item. */
  async next (): Promise<IteratorResult<I, undefined>> {
    for (;;) {
      await this.#inbox.wait()
      const item = this.#inbox.take()
      if (item !== null) return { done: false, value: item as I }
      if (this.#inbox.isOver) break // Else another reader was faster: it goes on.
    }
    this.#throwEnd()
    return { done: true, value: undefined }
  }

  /** Resolves with all items that are there, at least one: cheaper than one by one. Empty: it has ended. */
  async batch (): Promise<I[]> {
    const items: I[] = []
    while (items.length === 0) {
      await this.#inbox.wait()
      for (let item = this.#inbox.take(); item !== null; item = this.#inbox.take()) items.push(item as I)
      if (this.#inbox.isOver) break
    }
    if (items.length === 0) this.#throwEnd()
    return items
  }

  /** Stops following. What was received can still be read. Harmless when repeated. */
  close (): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#leave()
  }

  /** The loop was left. */
  async return (): Promise<IteratorResult<I, undefined>> {
    this.close()
    return { done: true, value: undefined }
  }

  #throwEnd (): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    if (this.#inbox.error !== null) throw this.#inbox.error
    this.#signal?.throwIfAborted()
  }
}
