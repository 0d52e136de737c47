/**
 * Local edits that the server has not acknowledged yet. No I/O.
 *
 * Yjs updates may be merged, sent twice and applied in any order, so what waits is kept merged: a day
 * of typing without a connection is a few hundred kilobytes and a few calls.
 */

import * as Y from 'yjs'
import { NOTES_SEND_BYTES_MAX, NOTES_UNSENT_UPDATES_MAX } from '../limits.js'

/** A queue of updates, oldest first. */
export class Unsent {
  #updates: Uint8Array[] = []
  #taken = 0 // How many of the oldest are on their way.

  get length (): number {
    return this.#updates.length
  }

  get isEmpty (): boolean {
    return this.#updates.length === 0
  }

  /** Queues one more edit. */
  add (update: Uint8Array): void {
    this.#updates.push(update)
    if (this.#updates.length > 2 * NOTES_UNSENT_UPDATES_MAX) this.#compact()
  }

  /** Returns what to send next; it stays here until `settle`. Null: nothing. */
  take (): Uint8Array | null {
    this.#taken = 0
    let bytes = 0
    for (const update of this.#updates) {
      if (this.#taken > 0 && bytes + update.length > NOTES_SEND_BYTES_MAX) break
      this.#taken++
      bytes += update.length
    }
    return this.#taken === 0 ? null : merged(this.#updates.slice(0, this.#taken))
  }

  /** What was taken last is acknowledged. */
  settle (): void {
    this.#updates.splice(0, this.#taken)
    this.#taken = 0
  }

  /** Returns all that is queued as one update. */
  everything (): Uint8Array {
    return merged(this.#updates)
  }

  /** Returns all that is queued in pieces that can be sent. */
  pieces (): Uint8Array[] {
    return pieced(this.#updates)
  }

  /** Forgets everything. */
  clear (): void {
    this.#updates = []
    this.#taken = 0
  }

  /** Queues only `update`, which holds everything that was queued. */
  replace (update: Uint8Array): void {
    this.#updates = [update]
    this.#taken = 0
  }

  /** Merges what is not on its way. */
  #compact (): void {
    this.#updates = [...this.#updates.slice(0, this.#taken), ...pieced(this.#updates.slice(this.#taken))]
  }
}

/** Returns `updates` merged, in pieces of at most `NOTES_SEND_BYTES_MAX`, unless one alone is larger. */
function pieced (updates: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let piece: Uint8Array[] = []
  let bytes = 0
  for (const update of updates) {
    if (piece.length > 0 && bytes + update.length > NOTES_SEND_BYTES_MAX) {
      pieces.push(merged(piece))
      piece = []
      bytes = 0
    }
    piece.push(update)
    bytes += update.length
  }
  if (piece.length > 0) pieces.push(merged(piece))
  return pieces
}

/** Returns `updates` as one. */
function merged (updates: Uint8Array[]): Uint8Array {
  return updates.length === 1 ? updates[0] as Uint8Array : Y.mergeUpdates(updates)
}
