/** All feeds of a client: one per target that somebody follows. */

import { Backoff, type Random } from './backoff.js'
import { type ClientError, LimitExceeded } from './errors.js'
import { Feed } from './feed.js'
import { Inbox } from './inbox.js'
import { SUBSCRIPTIONS_MAX, TOPICS_MAX } from './limits.js'
import type { ClientMessage, Cursor, ErrorMessage, ServerMessage } from './messages.js'

/** What feeds need of their client. */
export interface FeedsPorts {
  readonly newRef: () => number
  readonly send: (message: ClientMessage) => void
  readonly retryLater: (feed: Feed, delayMs: number) => void
  readonly random: Random
  readonly eventsMax: number
  /** It may be that another number of feeds is catching up. */
  readonly changed: () => void
}

/** Finds the feed that a follower or a message belongs to. */
export class Feeds {
  readonly #ports: FeedsPorts
  readonly #feeds = new Map<string, Feed>()
  #isUp = false

  constructor (ports: FeedsPorts) {
    this.#ports = ports
  }

  /** Somebody waits for what they have missed. */
  get isCatchingUp (): boolean {
    for (const feed of this.#feeds.values()) if (feed.isCatchingUp) return true
    return false
  }

  /** Returns the feed of `target`, if somebody follows it. */
  of (target: string): Feed | undefined {
    return this.#feeds.get(target)
  }

  /** Adds a follower. Throws `LimitExceeded`: too many targets, or too many topics of this one. */
  join (target: string, topics: ReadonlySet<string>, cursor: Cursor | null): Inbox {
    let feed = this.#feeds.get(target)
    if (feed === undefined) {
      if (this.#feeds.size >= SUBSCRIPTIONS_MAX) {
        throw new LimitExceeded('SUBSCRIPTIONS_MAX', `${this.#feeds.size} targets are followed`)
      }
      feed = this.#open(target)
    } else if (feed.topicsWith(topics).size > TOPICS_MAX) {
      throw new LimitExceeded('TOPICS_MAX', `all followers of ${target} together want too many`)
    }
    const own = feed
    const inbox = new Inbox(topics, cursor, this.#ports.eventsMax, () => own.advance())
    feed.join(inbox)
    this.#ports.changed()
    return inbox
  }

  /** Takes a follower away. Harmless when it is gone already. */
  leave (target: string, inbox: Inbox): void {
    inbox.finish(null)
    const feed = this.#feeds.get(target)
    if (feed === undefined) return
    feed.leave(inbox)
    this.#reap(feed)
  }

  /** A session is open: subscribes to everything. */
  linkUp (): void {
    this.#isUp = true
    for (const feed of [...this.#feeds.values()]) feed.linkUp()
    this.#ports.changed()
  }

  /** The session is gone. */
  linkDown (): void {
    this.#isUp = false
    for (const feed of [...this.#feeds.values()]) {
      feed.linkDown()
      this.#reap(feed)
    }
  }

  /** The client is at its end. */
  finish (error: ClientError): void {
    for (const feed of this.#feeds.values()) feed.finish(error)
    this.#feeds.clear()
  }

  /** Hands `message` to its feed; those of targets that nobody follows are leftovers. Throws `Unreadable`. */
  deliver (message: ServerMessage): void {
    if (message.t === 'error') return this.#deliverError(message)
    const feed = 'target' in message ? this.#feeds.get(message.target) : undefined
    if (feed === undefined) return
    switch (message.t) {
      case 'events': return feed.onEvents(message)
      case 'presence': return feed.onPresence(message)
      case 'snapshot': feed.onSnapshot(message); break
      case 'resumed': feed.onResumed(message); break
      case 'reset': feed.onReset(message); break
      case 'ended': feed.onEnded(message); break
      default: return
    }
    this.#reap(feed)
  }

  #deliverError (error: ErrorMessage): void {
    for (const feed of this.#feeds.values()) {
      if (feed.onError(error)) return this.#reap(feed)
    }
  }

  #open (target: string): Feed {
    const { newRef, send, retryLater, random } = this.#ports
    const feed = new Feed(target, { newRef, send, retryLater, backoff: new Backoff(random) })
    this.#feeds.set(target, feed)
    if (this.#isUp) feed.linkUp()
    return feed
  }

  #reap (feed: Feed): void {
    if (feed.isOver && this.#feeds.get(feed.target) === feed) this.#feeds.delete(feed.target)
    this.#ports.changed()
  }
}
