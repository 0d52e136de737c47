/** Who is here, as a map that can be watched. */

import type { Client } from './client.js'
import { Listeners, type Observable } from './observable.js'
import type { Present } from './messages.js'
import { PRESENCE_TOPIC, type PresenceItem } from './items.js'
import { LastingFollower } from './lasting.js'

/** Who is here, by session. One person may have several sessions. */
export type Presents = ReadonlyMap<string, Present>

/**
 * The presence of `target`, until `close`. The server shows it beside another topic only, which `beside`
 * names. Throws what `Client.follow` throws.
 */
export class PresenceView implements Observable<Presents> {
  readonly #client: Client
  readonly #target: string
  readonly #follower: LastingFollower
  readonly #listeners = new Listeners()
  #present: Presents = new Map()
  #isOver = false
  #error: Error | null = null

  constructor (client: Client, target: string, beside: string) {
    this.#client = client
    this.#target = target
    this.#follower = new LastingFollower(client, target, [beside, PRESENCE_TOPIC])
    void this.#run()
  }

  subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  /** The others, and oneself as far as one has shown something. Empty once it has ended. */
  getSnapshot = (): Presents => this.#present

  /** Shows the others an ephemeral state of this session; null takes it back. As `Client.setPresence`. */
  show (state: object | null, part?: string): void {
    if (!this.#isOver) this.#client.setPresence(this.#target, state, part)
  }

  /** Why nobody is shown any more; null also after `close`. */
  get error (): Error | null {
    return this.#error
  }

  /** Stops following. Harmless when repeated. */
  close (): void {
    this.#isOver = true
    this.#follower.close()
  }

  async #run (): Promise<void> {
    try {
      for (let items = await this.#follower.batch(); items.length > 0; items = await this.#follower.batch()) {
        for (const item of items) if (item.kind === 'presence') this.#take(item)
      }
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error))
    }
    this.#isOver = true
    this.#present = new Map()
    this.#listeners.tell()
  }

  #take ({ sessions, full }: PresenceItem): void {
    const present = new Map(full ? [] : this.#present)
    for (const [session, one] of sessions) {
      if (one === null) present.delete(session)
      else present.set(session, one)
    }
    this.#present = present
    this.#listeners.tell()
  }
}
