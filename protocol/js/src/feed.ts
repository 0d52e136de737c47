/**
 * The one wire subscription of a target, shared by all of its followers. No I/O.
 *
 *     offline --linkUp---------------------> asked, or idle if nobody wants anything
 *     asked   --snapshot | resumed | reset-> live
 *             --error, retryable-----------> waiting
 *             --error, final---------------> those refused are told; the others ask again
 *     live    --somebody is not served-----> leaving       (unsubscribe sent)
 *             --ended | error, retryable---> waiting
 *             --ended | error, final-------> everybody is told
 *     leaving --ended----------------------> asked, idle, or gone
 *     waiting --the delay is over----------> asked, or idle
 *     any     --linkDown-------------------> offline
 *
 * Whom a round serves, and where it starts, is in `rounds.ts`.
 */

import type { Backoff } from './backoff.js'
import { type ClientError, SubscriptionEnded, Unreadable } from './errors.js'
import type { Inbox, Sessions } from './inbox.js'
import { PRESENCE_TOPIC, type SnapshotItem } from './items.js'
import type {
  ClientMessage, Cursor, EndedMessage, ErrorMessage, EventsMessage, Fields, Present, PresenceMessage, ResetMessage,
  ResumedMessage, SnapshotMessage
} from './messages.js'
import { admitted, isCutOff, startOf } from './rounds.js'

export type FeedState = 'offline' | 'idle' | 'asked' | 'live' | 'leaving' | 'waiting'

/** What a feed needs of its client. */
export interface FeedPorts {
  readonly newRef: () => number
  readonly send: (message: ClientMessage) => void
  readonly retryLater: (feed: Feed, delayMs: number) => void
  readonly backoff: Backoff
}

/** All followers of one target, and what the wire knows of them. */
export class Feed {
  readonly target: string
  state: FeedState = 'offline'
  inboxes: Inbox[] = []
  readonly #ports: FeedPorts
  readonly #ownPresence = new Map<string, Fields>() // By the part of the program that shows it.
  #ref = -1
  #group: readonly Inbox[] = [] // Who took part in the newest round.
  #topics: ReadonlySet<string> = new Set() // Of that round.
  #sent: Cursor | null = null // Where the round was asked to start.
  #epoch: string | null = null // Of the server's newest answer.
  #seq = 0 // The wire subscription has delivered everything up to here.
  readonly #present = new Map<string, Present>()
  #isShown = false // The server shows something of ours, also while a subscription takes over from another.
  #isAdmittingSingly = false // After a refusal, to find whose it was.

  constructor (target: string, ports: FeedPorts) {
    this.target = target
    this.#ports = ports
  }

  /** Nobody follows, and the wire subscription is gone. */
  get isOver (): boolean {
    return this.inboxes.length === 0 && (this.state === 'offline' || this.state === 'idle' || this.state === 'waiting')
  }

  /** Somebody waits for what they have missed. */
  get isCatchingUp (): boolean {
    return this.inboxes.length > 0 && this.state !== 'live'
  }

  // ------------------------------------------------------------ from the client

  /** Returns what would be subscribed to if one more follower wanted `topics`. */
  topicsWith (topics: Iterable<string>): Set<string> {
    return new Set([...topics, ...this.inboxes.flatMap(inbox => [...inbox.topics])])
  }

  /** Serves one more follower. */
  join (inbox: Inbox): void {
    this.inboxes.push(inbox)
    if (this.state === 'live' && this.#serves(inbox) && inbox.topics.has(PRESENCE_TOPIC)) {
      inbox.putPresence(this.#present, this.#present, true)
    }
    this.advance()
  }

  /** Serves `inbox` no more. Harmless when repeated. */
  leave (inbox: Inbox): void {
    const at = this.inboxes.indexOf(inbox)
    if (at < 0) return
    this.inboxes.splice(at, 1)
    inbox.finish(null)
    if (this.inboxes.length === 0) {
      this.#ownPresence.clear()
      if (this.state === 'live' && this.#isShown) this.#sendPresence()
    }
    this.advance()
  }

  /** Returns what would be shown if `part` showed `state`; null: nothing. */
  presenceWith (part: string, state: Fields | null): Record<string, unknown> | null {
    const parts = [...this.#ownPresence].filter(([name]) => name !== part).map(([, shown]) => shown)
    return merged(state === null ? parts : [...parts, state])
  }

  /** Shows `state` to the others, now and after every reconnect; null takes it back. */
  setPresence (part: string, state: Fields | null): void {
    this.#ownPresence.delete(part)
    if (state !== null) this.#ownPresence.set(part, state) // The newest counts where two show the same.
    if (this.state === 'live') this.#sendPresence()
  }

  /** A session is open: asks. */
  linkUp (): void {
    this.state = 'idle'
    this.#isShown = false
    this.advance()
  }

  /** The session is gone, and the wire subscription with it. */
  linkDown (): void {
    this.state = 'offline'
  }

  /** The delay after a retryable answer is over. */
  retry (): void {
    if (this.state !== 'waiting') return
    this.state = 'idle'
    this.advance()
  }

  /** Serves nobody any more: tells everybody why. */
  finish (error: ClientError): void {
    for (const inbox of this.inboxes) inbox.finish(error)
    this.inboxes = []
    this.state = 'offline'
  }

  /** Takes the next step that somebody needs. Called after every change. */
  advance (): void {
    if (this.state === 'idle') {
      this.#ask()
    } else if (this.state === 'live') {
      const able = this.inboxes.filter(inbox => !inbox.isLagging)
      if (this.inboxes.length === 0 || !able.every(inbox => this.#serves(inbox))) this.#leaveRound()
    }
  }

  // ------------------------------------------------------------ from the server

  /** A round without a place to start was answered; with one, this is a reset. */
  onSnapshot (message: SnapshotMessage): void {
    if (this.#isAnswer(message.ref)) this.#startOver(message, this.#sent === null ? null : 'reset')
  }

  /** The place asked for cannot be continued, or the server gave up catching up. */
  onReset (message: ResetMessage): void {
    if (this.#isAnswer(message.ref)) {
      this.#startOver(message, message.reason)
    } else if (message.ref === this.#ref && (this.state === 'live' || this.state === 'leaving')) {
      const item = snapshotItem(message, message.reason)
      for (const inbox of this.#served()) inbox.putSnapshot(item)
      this.#epoch = message.epoch
      this.#seq = message.seq
      this.advance()
    }
  }

  /** The place asked for is good; every event after it follows. Throws `Unreadable`: there was none. */
  onResumed (message: ResumedMessage): void {
    if (!this.#isAnswer(message.ref)) return
    if (this.#sent === null) throw new Unreadable('resumed, but no cursor was sent')
    const { epoch, seq } = this.#sent
    for (const inbox of this.inboxes) {
      if (inbox.epoch === epoch && inbox.seq <= seq) inbox.isProven = true
    }
    this.#goLive(epoch, seq)
  }

  /** Passes on what is new; asks again where a piece is missing. */
  onEvents (message: EventsMessage): void {
    if ((this.state !== 'live' && this.state !== 'leaving') || message.seq <= this.#seq) {
      return // A leftover of an earlier round, or seen already.
    }
    if (message.after > this.#seq) {
      if (this.state === 'live') this.#leaveRound()
      return
    }
    for (const inbox of this.#served()) inbox.putEvents(message.events, message.seq)
    this.#ports.backoff.reset() // The subscription works.
    this.#seq = message.seq
  }

  /** Somebody came, went or moved. */
  onPresence (message: PresenceMessage): void {
    if (this.state !== 'live' && this.state !== 'leaving') return
    const isFull = message.full === true
    if (isFull) this.#present.clear()
    const changes: Sessions = new Map(Object.entries(message.sessions))
    for (const [session, present] of changes) {
      if (present === null) this.#present.delete(session)
      else this.#present.set(session, present)
    }
    for (const inbox of this.inboxes) {
      if (inbox.topics.has(PRESENCE_TOPIC)) inbox.putPresence(changes, this.#present, isFull)
    }
  }

  /** The wire subscription is over: we left, or the server ended it. */
  onEnded (message: EndedMessage): void {
    if (message.ref !== this.#ref) return
    if (this.state === 'leaving') this.#left()
    else if (this.state === 'live' || this.state === 'asked') this.#ended(message, null)
  }

  /** Handles a refusal, or a late one, which is an end; returns whether it was for this feed. */
  onError (message: ErrorMessage): boolean {
    if (message.ref !== this.#ref || this.state === 'offline' || this.state === 'idle' || this.state === 'waiting') {
      return false
    }
    if (this.state === 'leaving') this.#left() // It had ended before our unsubscribe arrived.
    else if (this.state === 'live') this.#ended(message, message.retry_after_ms ?? null)
    else if (message.retryable === true) this.#waitToRetry(message.retry_after_ms ?? null)
    else this.#refused(message.code, message.message)
    return true
  }

  // ------------------------------------------------------------ rounds

  #ask (): void {
    const group = admitted(this.inboxes, this.#isAdmittingSingly)
    if (group.length === 0) return
    this.#group = group
    this.#topics = new Set(group.flatMap(inbox => [...inbox.topics]))
    this.#sent = startOf(group, this.#epoch)
    this.#ref = this.#ports.newRef()
    this.#present.clear()
    this.state = 'asked'
    this.#ports.send({
      t: 'subscribe',
      ref: this.#ref,
      target: this.target,
      topics: [...this.#topics].sort(),
      cursor: this.#sent
    })
  }

  #leaveRound (): void {
    this.state = 'leaving'
    this.#ports.send({ t: 'unsubscribe', ref: this.#ref })
  }

  #left (): void {
    this.state = 'idle'
    this.advance()
  }

  #serves (inbox: Inbox): boolean {
    return this.#covers(inbox) && inbox.isProven && inbox.epoch === this.#epoch && inbox.seq >= this.#seq
  }

  #covers (inbox: Inbox): boolean {
    return [...inbox.topics].every(topic => this.#topics.has(topic))
  }

  #served (): Inbox[] {
    return this.inboxes.filter(inbox => !inbox.isLagging && this.#serves(inbox))
  }

  #isAnswer (ref: number): boolean {
    return this.state === 'asked' && ref === this.#ref
  }

  /** Gives the state at a new place to those that cannot go on from theirs. */
  #startOver (message: SnapshotMessage | ResetMessage, reason: string | null): void {
    const item = snapshotItem(message, reason)
    for (const inbox of this.inboxes) {
      if (inbox.isLagging || !this.#covers(inbox)) continue
      if (inbox.epoch === null) {
        inbox.putSnapshot({ ...item, resetReason: null })
        inbox.isProven = true
      } else if (reason !== null && isCutOff(inbox, this.#sent, message)) {
        inbox.putSnapshot(item)
        inbox.isProven = true
      }
    }
    this.#goLive(message.epoch, message.seq)
  }

  #goLive (epoch: string, seq: number): void {
    this.state = 'live'
    this.#epoch = epoch
    this.#seq = seq
    for (const inbox of this.inboxes) inbox.isAccepted ||= this.#covers(inbox)
    if (this.inboxes.every(inbox => inbox.isAccepted)) this.#isAdmittingSingly = false
    if (this.#ownPresence.size > 0 || this.#isShown) this.#sendPresence()
    this.advance()
  }

  #sendPresence (): void {
    const state = merged([...this.#ownPresence.values()])
    this.#isShown = state !== null
    this.#ports.send({ t: 'presence', target: this.target, state })
  }

  /** Tells those whose fault it can be; with several newcomers, asks for one at a time. */
  #refused (code: string, message: string): void {
    const pending = this.#group.filter(inbox => !inbox.isAccepted)
    if (pending.length > 1) {
      this.#isAdmittingSingly = true
      this.state = 'idle'
      this.advance()
    } else {
      this.#end(pending.length > 0 ? pending : this.#group, code, message)
    }
  }

  /** The server has ended what was served: tries again, or tells those who were. */
  #ended (message: EndedMessage | ErrorMessage, retryAfterMs: number | null): void {
    if (message.retryable === true) this.#waitToRetry(retryAfterMs)
    else this.#end(this.inboxes.filter(inbox => this.#covers(inbox)), message.code, message.message ?? '')
  }

  #end (inboxes: readonly Inbox[], code: string, message: string): void {
    for (const inbox of inboxes) {
      const at = this.inboxes.indexOf(inbox)
      if (at < 0) continue // It has left meanwhile.
      this.inboxes.splice(at, 1)
      inbox.finish(new SubscriptionEnded(code, message))
    }
    this.state = 'idle'
    this.advance()
  }

  #waitToRetry (retryAfterMs: number | null): void {
    this.state = 'waiting'
    this.#ports.retryLater(this, this.#ports.backoff.nextMs() + (retryAfterMs ?? 0))
  }
}

/** Returns what all parts show together, maps of the same name as one map; null: there is no part. */
function merged (parts: readonly Fields[]): Record<string, unknown> | null {
  if (parts.length === 0) return null
  const whole: Record<string, unknown> = {}
  for (const [name, value] of parts.flatMap(part => Object.entries(part))) {
    const before = whole[name]
    whole[name] = isMap(before) && isMap(value) ? { ...before, ...value } : value
  }
  return whole
}

function isMap (value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function snapshotItem (message: SnapshotMessage | ResetMessage, resetReason: string | null): SnapshotItem {
  return { kind: 'snapshot', epoch: message.epoch, seq: message.seq, topics: message.topics, resetReason }
}
