/**
 * Awareness of a document as presence of its target, both ways.
 *
 * A session shows `{"yjs": {"<client id>": {"clock", "state"}}}`; the same shape comes from editors that
 * use the server's own Yjs doors. A session that has gone takes its states with it.
 */

import { type Awareness, applyAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import type { PresenceItem } from '../items.js'
import type { Fields, Present } from '../messages.js'

/** What the states of a session's Yjs clients are under in its presence. */
const AWARENESS = 'yjs'

const CLIENTS_OF_SESSION_MAX = 64 // Others' words: who shows more is not believed.

/** Returns the part of presence that is this client's alone: one session may have several editors. */
export function awarenessPart ({ clientID }: Awareness): string {
  return `${AWARENESS}:${clientID}`
}

/** Returns what presence says of this client; null: it shows nothing. */
export function awarenessShown (awareness: Awareness): Fields | null {
  const state = awareness.getLocalState()
  if (state === null) return null
  const clock = awareness.meta.get(awareness.clientID)?.clock ?? 0
  return { [AWARENESS]: { [String(awareness.clientID)]: { clock, state } } }
}

interface Shown { readonly client: number, readonly clock: number, readonly state: Fields }

/** What others show, as far as it is awareness. */
export class Carets {
  readonly #awareness: Awareness
  readonly #origin: unknown
  #clients = new Map<string, number[]>() // By session.

  constructor (awareness: Awareness, origin: unknown) {
    this.#awareness = awareness
    this.#origin = origin
  }

  /** Somebody came, went or moved. `own`: this connection's session, whose states are known here. */
  take (item: PresenceItem, own: string | null): void {
    const gone = new Set<number>()
    const shown: Shown[] = []
    if (item.full) {
      for (const clients of this.#clients.values()) for (const client of clients) gone.add(client)
      this.#clients = new Map()
    }
    for (const [session, present] of item.sessions) {
      if (session === own) continue
      for (const client of this.#clients.get(session) ?? []) gone.add(client)
      this.#clients.delete(session)
      const states = present === null ? [] : statesIn(present).filter(({ client }) => client !== this.#awareness.clientID)
      if (states.length > 0) this.#clients.set(session, states.map(({ client }) => client))
      for (const state of states) {
        gone.delete(state.client)
        shown.push(state)
      }
    }
    if (shown.length > 0) applyAwarenessUpdate(this.#awareness, encoded(shown), this.#origin)
    this.#remove([...gone])
  }

  /** Nobody is here any more, as far as we know. */
  clear (): void {
    this.#remove([...this.#clients.values()].flat())
    this.#clients = new Map()
  }

  #remove (clients: number[]): void {
    if (clients.length === 0) return
    removeAwarenessStates(this.#awareness, clients, this.#origin)
    // Who comes back may do so with the clock that they left with; remembered, it would hide them.
    for (const client of clients) this.#awareness.meta.delete(client)
  }
}

/** Returns the states that a session shows. Its user's id is the server's word, all else is theirs. */
function statesIn ({ user, state }: Present): Shown[] {
  const part = state?.[AWARENESS]
  if (typeof part !== 'object' || part === null) return []
  const states: Shown[] = []
  for (const [name, entry] of Object.entries(part).slice(0, CLIENTS_OF_SESSION_MAX)) {
    const client = Number(name)
    const { clock, state: shown } = (entry ?? {}) as { readonly clock?: unknown, readonly state?: unknown }
    const isRight = Number.isSafeInteger(client) && client >= 0 && Number.isSafeInteger(clock) && (clock as number) >= 0
    if (!isRight || typeof shown !== 'object' || shown === null || Array.isArray(shown)) continue
    states.push({ client, clock: clock as number, state: { ...shown, userId: user } })
  }
  return states
}

/** Returns `shown` as y-protocols' awareness update: a count, then client, clock and JSON of each. */
function encoded (shown: readonly Shown[]): Uint8Array {
  const bytes: number[] = []
  const number = (value: number): void => {
    for (; value > 127; value = Math.floor(value / 128)) bytes.push(128 | value % 128)
    bytes.push(value)
  }
  number(shown.length)
  for (const { client, clock, state } of shown) {
    number(client)
    number(clock)
    const text = new TextEncoder().encode(JSON.stringify(state))
    number(text.length)
    for (const byte of text) bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}
