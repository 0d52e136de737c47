/**
 * How one wire subscription serves many followers: who takes part in a round, and where it starts.
 *
 * A connection has one subscription per target, followers have many wishes: other topics, other places
 * to start. So the feed goes in *rounds*. A round subscribes to the union of all topics at one place,
 * and serves every follower that stands at or beyond it; each follower skips what it has. As long as
 * somebody is not served, another round follows from that follower's place. A snapshot or reset goes
 * only to those that need it, so nobody who can go on is ever thrown back.
 */

import type { Inbox } from './inbox.js'
import type { Cursor, ResetMessage, SnapshotMessage } from './messages.js'

/** Returns who takes part in the next round; `singly`: at most one whose topics are new. */
export function admitted (inboxes: readonly Inbox[], singly: boolean): Inbox[] {
  const able = inboxes.filter(inbox => !inbox.isLagging)
  const pending = able.filter(inbox => !inbox.isAccepted)
  if (!singly || pending.length < 2) return able
  return able.filter(inbox => inbox.isAccepted || inbox === pending[0])
}

/**
 * Returns where a round for `group` starts; `epoch` is that of the server's newest answer.
 *
 * First those that need a snapshot (null); then a place that somebody brought along and that the
 * server must confirm; then places in a history that is no more; then the oldest place.
 */
export function startOf (group: readonly Inbox[], epoch: string | null): Cursor | null {
  if (group.some(inbox => inbox.epoch === null)) return null
  const unproven = group.filter(inbox => !inbox.isProven)
  const stale = group.filter(inbox => inbox.epoch !== epoch)
  const first = [unproven, stale, group].find(some => some.length > 0)?.[0]
  const alike = (unproven.length > 0 ? unproven : group).filter(inbox => inbox.epoch === first?.epoch)
  // An unproven place may lie ahead of the history: the furthest one proves the others.
  const isBetter = unproven.length > 0 ? (a: number, b: number) => a > b : (a: number, b: number) => a < b
  return alike.reduce((best, inbox) => isBetter(inbox.seq, best.seq) ? inbox : best).position
}

/** Says whether a reset, the `answer` to a round from `sent`, holds for `inbox` too. */
export function isCutOff (inbox: Inbox, sent: Cursor | null, answer: SnapshotMessage | ResetMessage): boolean {
  if (sent === null || inbox.epoch !== sent.epoch) return false
  // Its history is no more, or it stands where nothing has happened yet.
  if (answer.epoch !== sent.epoch || inbox.seq > answer.seq) return true
  return inbox.seq === sent.seq
}
