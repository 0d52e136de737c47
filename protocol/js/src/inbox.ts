/**
 * A follower's inbox: what it has received and not yet read, and how far it has received.
 *
 * It is bounded. When it is full it takes nothing more and remembers where it stopped; once its owner
 * has read it empty, the feed is asked to go on from there. Nothing is lost, nobody waits.
 */

import type { ClientError } from './errors.js'
import type { EventItem, Item, SnapshotItem } from './items.js'
import { PRESENCE_TOPIC } from './items.js'
import type { Cursor, Fields, Present, WireEvent } from './messages.js'

/** Who is here, by session; null: gone. */
export type Sessions = ReadonlyMap<string, Present | null>

export class Inbox {
  readonly topics: ReadonlySet<string>
  /** Where reception stands. Null: a snapshot is needed first. */
  epoch: string | null
  seq: number
  isProven = false // The server has confirmed that this place exists.
  isAccepted = false // The server has let these topics be followed.
  isLagging = false // It was full; it goes on when it has been read.
  isOver = false
  error: ClientError | null = null
  #read: Cursor | null // Of the last item handed out.
  #items: Array<SnapshotItem | EventItem> = []
  #epochs: string[] = [] // That each of them belongs to.
  #first = 0 // Of both: those before have been read.
  #presence = new Map<string, Present | null>() // Merged, not read yet.
  #presenceIsFull = false
  readonly #eventsMax: number
  readonly #onRoom: () => void
  #waiters: Array<() => void> = []

  constructor (topics: ReadonlySet<string>, cursor: Cursor | null, eventsMax: number, onRoom: () => void) {
    this.topics = topics
    this.epoch = cursor?.epoch ?? null
    this.seq = cursor?.seq ?? 0
    this.#read = cursor
    this.#eventsMax = eventsMax
    this.#onRoom = onRoom
  }

  // ------------------------------------------------------------ the feed's side

  /** Everything up to here was received. */
  get position (): Cursor | null {
    return this.epoch === null ? null : { epoch: this.epoch, seq: this.seq }
  }

  /** Starts over at `item`. If there is no room, it replaces what it makes obsolete. */
  putSnapshot (item: SnapshotItem): void {
    if (this.#length >= this.#eventsMax) this.#drop()
    this.epoch = item.epoch
    this.seq = item.seq
    this.isLagging = false
    const topics: Fields = Object.fromEntries(Object.entries(item.topics).filter(([name]) => this.topics.has(name)))
    this.#items.push({ ...item, topics })
    this.#epochs.push(item.epoch)
    this.#wake()
  }

  /** Takes those of `events` that are new and followed; stops where there is no more room. */
  putEvents (events: readonly WireEvent[], uptoSeq: number): void {
    for (const event of events) {
      if (event.seq <= this.seq || !this.topics.has(event.topic)) continue
      if (this.#length >= this.#eventsMax) {
        this.isLagging = true
        return this.#wake()
      }
      const { seq, topic, type, at_ms, by, data } = event
      this.#items.push({ kind: 'event', seq, topic, type, at_ms, by, data })
      this.#epochs.push(this.epoch as string)
      this.seq = event.seq
    }
    this.seq = Math.max(this.seq, uptoSeq)
    this.#wake()
  }

  /** Merges `changes` into what was not read yet; `everyone` is who is here after them. */
  putPresence (changes: Sessions, everyone: Sessions, full: boolean): void {
    if (full || this.#presence.size >= this.#eventsMax) {
      // Without a reader those who left would pile up; who is here is bounded by the server.
      this.#presence = new Map(everyone)
      this.#presenceIsFull = true
    } else {
      for (const [session, present] of changes) this.#presence.set(session, present)
    }
    this.#wake()
  }

  /** Nothing more will come. What was received can still be read; then `error`. */
  finish (error: ClientError | null): void {
    if (this.isOver) return
    this.isOver = true
    this.error = error
    this.#wake()
  }

  // ------------------------------------------------------------ the owner's side

  /** Resolves when there is something to read or the end was reached. */
  async wait (): Promise<void> {
    while (this.#length === 0 && !this.#showsPresence && !this.isOver) {
      await new Promise<void>(resolve => this.#waiters.push(resolve))
    }
  }

  /** Returns the next item, presence first; null: there is none now. */
  take (): Item | null {
    if (this.#showsPresence) {
      const item: Item = { kind: 'presence', sessions: this.#presence, full: this.#presenceIsFull }
      this.#presence = new Map()
      this.#presenceIsFull = false
      return item
    }
    const item = this.#items[this.#first]
    if (item === undefined) return null
    this.#read = { epoch: this.#epochs[this.#first] as string, seq: item.seq }
    this.#first++
    if (this.#first > this.#eventsMax) { // Who never reads it empty must not keep what was read.
      this.#items = this.#items.slice(this.#first)
      this.#epochs = this.#epochs.slice(this.#first)
      this.#first = 0
    }
    if (this.#length === 0) {
      this.#drop()
      if (this.isLagging) {
        this.isLagging = false
        this.#onRoom()
      }
    }
    return item
  }

  /** Everything up to here was handed out. */
  get cursor (): Cursor | null {
    return this.#length === 0 ? this.position : this.#read
  }

  get #length (): number {
    return this.#items.length - this.#first
  }

  /** Presence never comes before the first snapshot. */
  get #showsPresence (): boolean {
    return (this.#presence.size > 0 || this.#presenceIsFull) && this.topics.has(PRESENCE_TOPIC) && this.#read !== null
  }

  #drop (): void {
    this.#items = []
    this.#epochs = []
    this.#first = 0
  }

  #wake (): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }
}
