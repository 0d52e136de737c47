/** What an application shows of the connection: one value, observable. */

import type { ClientError } from './errors.js'
import type { Feeds } from './feeds.js'
import { Listeners, type Observable } from './observable.js'
import type { CallQueue } from './queue.js'

/** Where the connection stands. */
export type ConnectionPhase = 'connecting' | 'live' | 'offline' | 'closed'

/** Everything that is known of the connection at one moment. */
export interface Connection {
  readonly phase: ConnectionPhase
  /** What to show people: a live connection over which something missed is still coming is `catching up`. */
  readonly shows: 'connecting' | 'catching up' | 'live' | 'offline' | 'closed'
  /** Writes that are queued or sent, and not yet answered: what would be lost if the program ended now. */
  readonly unsent: number
  /** The newest round trip of a ping; null while there was none on this connection. */
  readonly latencyMs: number | null
  /**
   * How far this machine's clock was ahead of the server's at the newest welcome, the way of the welcome
   * included; null before the first.
   */
  readonly clockAheadMs: number | null
  /** Why the newest attempt failed or the newest connection ended; null while all is well. */
  readonly trouble: string | null
  /** Who the server says we are; null before the first welcome. */
  readonly userId: string | null
  /** This connection's name in presence; null while there is none. */
  readonly sessionId: string | null
  /** Why the client is at its end. */
  readonly failure: ClientError | null
}

type Facts = Omit<Connection, 'shows' | 'unsent'>

/** The connection, observable. */
export class Status implements Observable<Connection> {
  readonly #queue: CallQueue
  readonly #feeds: Feeds
  readonly #listeners = new Listeners()
  #facts: Facts = {
    phase: 'connecting', latencyMs: null, clockAheadMs: null, trouble: null, userId: null, sessionId: null, failure: null
  }

  #snapshot: Connection | null = null

  constructor (queue: CallQueue, feeds: Feeds) {
    this.#queue = queue
    this.#feeds = feeds
  }

  subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  getSnapshot = (): Connection => {
    const shows = this.#facts.phase === 'live' && this.#feeds.isCatchingUp ? 'catching up' : this.#facts.phase
    const unsent = this.#queue.unsentWrites
    if (this.#snapshot === null || this.#snapshot.shows !== shows || this.#snapshot.unsent !== unsent) {
      this.#snapshot = { ...this.#facts, shows, unsent }
    }
    return this.#snapshot
  }

  /** Some facts are others now; the client is `closed` for good. */
  set (facts: Partial<Facts>): void {
    const next = { ...this.#facts, ...facts }
    if (this.#facts.phase === 'closed') next.phase = 'closed'
    this.#facts = next
    this.#snapshot = null
    this.#listeners.tell()
  }

  /** What is counted elsewhere may be another number. */
  refresh (): void {
    this.#listeners.tell()
  }

  /** Resolves with the connection as soon as `condition` holds for it. */
  async wait (condition: (connection: Connection) => boolean): Promise<Connection> {
    for (;;) {
      const now = this.getSnapshot()
      if (condition(now)) return now
      await new Promise<void>(resolve => {
        const forget = this.#listeners.add(() => { forget(); resolve() })
      })
    }
  }
}
