/** Who is here, as a map that can be watched. */

import type { Client } from './client.js'
import { Listeners, type Observable } from './observable.js'
import type { Present } from './messages.js'
import { PRESENCE_TOPIC } from './items.js'

/** Who is here, by session. One person may have several sessions. */
export type Presents = ReadonlyMap<string, Present>

/** The presence of `target`, until `close`. Throws what `Client.follow` throws. */
export class PresenceView implements Observable<Presents> {
  readonly #client: Client
  readonly #target: string
  readonly #follower
  readonly #listeners = new Listeners()
  #present: Presents = new Map()
  #isOver = false

  constructor (client: Client, target: string) {
    this.#client = client
    this.#target = target
    this.#follower = client.follow(target, [PRESENCE_TOPIC])
    void this.#run()
  }

  subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  /** The others, and oneself as far as one has shown something. Empty once it has ended. */
  getSnapshot = (): Presents => this.#present

  /** Shows the others an ephemeral state of this session; null takes it back. Throws as `Client.setPresence`. */
  show (state: object | null): void {
    if (!this.#isOver) this.#client.setPresence(this.#target, state)
  }

  /** Stops following. Harmless when repeated. */
  close (): void {
    this.#isOver = true
    this.#follower.close()
  }

  async #run (): Promise<void> {
    try {
      for await (const item of this.#follower) {
        if (item.kind !== 'presence') continue
        const present = new Map(item.full ? [] : this.#present)
        for (const [session, one] of item.sessions) {
          if (one === null) present.delete(session)
          else present.set(session, one)
        }
        this.#present = present
        this.#listeners.tell()
      }
    } catch {
      // Why it ended is the business of whoever follows the target itself.
    }
    this.#isOver = true
    this.#present = new Map()
    this.#listeners.tell()
  }
}
