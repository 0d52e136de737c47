/** A follower that reads on after the end: what has ended (a meeting, say) can still be read. */

import type { Client, FollowOptions } from './client.js'
import { SubscriptionEnded } from './errors.js'
import type { Follower } from './follower.js'
import type { Item } from './items.js'
import type { Cursor } from './messages.js'

/** As `Client.follow`, but when the target is concluded it follows again, once, from where it stands. */
export class LastingFollower {
  readonly #again: (cursor: Cursor | null) => Follower
  #follower: Follower
  #isClosed = false
  #hasConcluded = false // A server that says so again is believed: nobody asks for ever.

  /** Throws what `Client.follow` throws. */
  constructor (client: Client, target: string, topics: readonly string[], options: FollowOptions = {}) {
    this.#again = cursor => client.follow(target, topics, { ...options, cursor })
    this.#follower = client.follow(target, topics, options)
  }

  /** Where to go on with another one: all up to here was handed out. Null: nothing. */
  get cursor (): Cursor | null {
    return this.#follower.cursor
  }

  /** As `Follower.batch`. */
  async batch (): Promise<Item[]> {
    for (;;) {
      try {
        return await this.#follower.batch()
      } catch (error) {
        const isConcluded = error instanceof SubscriptionEnded && error.code === 'concluded'
        if (!isConcluded || this.#isClosed || this.#hasConcluded) throw error
        this.#hasConcluded = true
        this.#follower = this.#again(this.#follower.cursor)
      }
    }
  }

  /** Stops following. Harmless when repeated. */
  close (): void {
    this.#isClosed = true
    this.#follower.close()
  }
}
