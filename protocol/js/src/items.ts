/** What a follower is handed, in the order of the target's history. */

import type { Fields, Present, WireEvent } from './messages.js'

/** Who asks for it among the topics is told who is here. */
export const PRESENCE_TOPIC = 'presence'

/**
 * The state of the followed topics at `(epoch, seq)`; every later event follows.
 *
 * `resetReason` says why an earlier cursor could not be continued: forget what you hold. Null: this
 * is the first thing seen of the target.
 */
export interface SnapshotItem {
  readonly kind: 'snapshot'
  readonly epoch: string
  readonly seq: number
  readonly topics: Fields
  readonly resetReason: string | null
}

/** One event of one followed topic. `at_ms` is Unix time, `by` who caused it. */
export interface EventItem extends WireEvent { readonly kind: 'event' }

/**
 * Who is here, by session, or null for gone. `full` replaces all.
 *
 * Presence is not part of the history: changes are merged until they are read, and come before events
 * that wait, but after the first snapshot.
 */
export interface PresenceItem {
  readonly kind: 'presence'
  readonly sessions: ReadonlyMap<string, Present | null>
  readonly full: boolean
}

export type Item = SnapshotItem | EventItem | PresenceItem
