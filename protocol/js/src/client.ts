/**
 * The client's face: calls, followers and presence that outlive connections.
 *
 *     Client      the face
 *     ├── Asker   one call from question to answer, with retries
 *     └── Keeper  one connection after the other
 *         ├── Link       one connection
 *         ├── CallQueue  unanswered calls, across connections
 *         ├── Feeds      followers, across connections
 *         └── Status     what is known of it all, observable
 *
 * It knows targets, ops and topics as words only.
 */

import { Asker, authenticate, checkName, checkSize, newKey } from './asker.js'
import type { Random } from './backoff.js'
import { checkPlain, type Codec } from './codec.js'
import { ClientClosed, NotFollowing } from './errors.js'
import { Follower } from './follower.js'
import { PRESENCE_TOPIC } from './items.js'
import { Keeper } from './keeper.js'
import { FOLLOW_BUFFER_EVENTS_MAX, GOODBYE_TIMEOUT_MS, OFFLINE_QUEUE_MAX, PRESENCE_BYTES_MAX, TARGET_LEN_MAX, TOPIC_LEN_MAX, TOPICS_MAX } from './limits.js'
import type { Cursor, Fields } from './messages.js'
import type { Observable } from './observable.js'
import type { Answer } from './queue.js'
import { type SocketConstructor, standardSocket } from './socket.js'
import type { Connection } from './status.js'
import { type Token, TokenSource } from './token.js'

export const CALL_TIMEOUT_MS = 30_000

/** How a client is opened. */
export interface ClientOptions {
  /** A token, or a function that is asked for one before every hello and before a token ends. */
  readonly token: Token
  /** `msgpack` or `json`. */
  readonly codec: Codec
  /** The environment's own by default; on Node before 22 that of the package `ws`. */
  readonly WebSocket?: SocketConstructor | undefined
  /** Calls that may be unanswered at once. */
  readonly offlineQueueMax?: number | undefined
  /** Events that a follower may leave unread before it has to catch up. */
  readonly followBufferMax?: number | undefined
  readonly random?: Random | undefined
}

/** How one call is made. */
export interface AskOptions {
  /**
   * Makes it happen once, however often it is sent; one is made if none is given. `null`: send it at
   * most once.
   */
  readonly key?: string | null | undefined
  /** It only reads: it needs no key to be sent again. */
  readonly isRead?: boolean | undefined
  /** Ms for all of it, waiting for a connection included. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** How a follower begins. */
export interface FollowOptions {
  /** Where to go on; without it a snapshot comes first. */
  readonly cursor?: Cursor | null | undefined
  /** Stops following when it is aborted. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A connection to one server that comes back by itself.
 *
 * It does not wait for the connection: what is asked meanwhile is queued.
 */
export class Client {
  readonly #keeper: Keeper
  readonly #asker: Asker
  readonly #tokens: TokenSource

  /**
   * Opens a client of the server at `url` (`ws:` or `wss:`).
   *
   * Throws `RangeError`: a bound without room; `TypeError`: no such address, or no WebSocket here.
   */
  constructor (url: string, options: ClientOptions) {
    const random = options.random ?? Math.random
    const offlineQueueMax = options.offlineQueueMax ?? OFFLINE_QUEUE_MAX
    const followBufferMax = options.followBufferMax ?? FOLLOW_BUFFER_EVENTS_MAX
    if (!(offlineQueueMax >= 1 && followBufferMax >= 1)) throw new RangeError('a queue needs room for at least one')
    if (!['ws:', 'wss:'].includes(new URL(url).protocol)) throw new TypeError(`not a WebSocket address: ${url}`)
    this.#tokens = new TokenSource(options.token)
    this.#keeper = new Keeper({
      url,
      tokens: this.#tokens,
      codec: options.codec,
      Socket: options.WebSocket ?? standardSocket(),
      random,
      offlineQueueMax,
      followBufferMax
    }, (keeper, token) => authenticate(keeper, token, CALL_TIMEOUT_MS))
    this.#asker = new Asker(this.#keeper, random)
  }

  // ------------------------------------------------------------ state

  /** Where the connection stands: `subscribe` and `getSnapshot`. */
  get connection (): Observable<Connection> {
    return this.#keeper.status
  }

  /** Who the server says we are; null before the first welcome. */
  get userId (): string | null {
    return this.#keeper.status.getSnapshot().userId
  }

  /** Resolves when a session is open. Rejects with `ConnectFailed`, `ClientClosed`: there will be none. */
  async live (): Promise<Connection> {
    const now = await this.#keeper.status.wait(({ phase }) => phase === 'live' || phase === 'closed')
    this.#keeper.checkOpen()
    return now
  }

  // ------------------------------------------------------------ calls

  /** Does `ask` and returns only the value. */
  async call (target: string, op: string, args: object = {}, options: AskOptions = {}): Promise<unknown> {
    return (await this.ask(target, op, args, options)).value
  }

  /**
   * Does `op` on `target`; resolves with its value and the target's seq after it.
   *
   * Without a connection the call waits for one. With a key it is sent again after a reconnect until
   * it is answered, and happens once. `overloaded`, `rate_limited` and `unavailable` are tried again
   * within the timeout. Calls leave in the order in which they were made.
   *
   * Rejects with `CallFailed`: the server refused it; `CallAbandoned`: no answer, it may have
   * happened; `LimitExceeded`: too many calls are unanswered, or it is too large; `ClientClosed`: never
   * sent; `ConnectFailed`; `TypeError`, `RangeError`: nobody can send these arguments.
   *
   * Aborted: the server is told, but the call may have happened.
   */
  async ask (target: string, op: string, args: object = {}, options: AskOptions = {}): Promise<Answer> {
    const isRead = options.isRead ?? false
    const key = options.key === null || isRead ? null : options.key ?? newKey()
    return await this.#asker.ask({
      target,
      op,
      args: args as Fields, // Checked as it is encoded.
      key,
      isRepeatable: isRead || key !== null,
      isWrite: !isRead,
      timeoutMs: options.timeoutMs ?? CALL_TIMEOUT_MS,
      signal: options.signal
    })
  }

  // ------------------------------------------------------------ following

  /**
   * Follows `topics` of `target` from a snapshot, or from a cursor, until it is closed.
   *
   * After a reconnect it goes on by itself, without gap or duplicate. Followers of the same target
   * share one subscription on the wire.
   *
   * Throws `LimitExceeded`: too many targets, or too many topics of this one; `ConnectFailed`,
   * `ClientClosed`; `RangeError`: no topic, or one twice, or a name that is too long.
   */
  follow (target: string, topics: readonly string[], { cursor = null, signal }: FollowOptions = {}): Follower {
    checkName('target', target, TARGET_LEN_MAX)
    const wanted = new Set(topics)
    if (wanted.size === 0 || wanted.size !== topics.length || wanted.size > TOPICS_MAX) {
      throw new RangeError(`topics must be 1 to ${TOPICS_MAX}, each once`)
    }
    for (const topic of wanted) checkName('topic', topic, TOPIC_LEN_MAX)
    signal?.throwIfAborted()
    this.#keeper.checkOpen()
    const { feeds } = this.#keeper
    const inbox = feeds.join(target, wanted, cursor)
    return new Follower(inbox, () => feeds.leave(target, inbox), signal)
  }

  /**
   * Shows the other followers of `target` an ephemeral state; null takes it back.
   *
   * It is shown again after every reconnect, until the last follower here leaves. Only the newest state
   * is sent; nobody answers. Several parts of a program may show their own at the same time: what they
   * show is merged, each `part` replaces only its own.
   *
   * Throws `NotFollowing`: nobody here follows the topic `presence` of `target`; `LimitExceeded`: it is
   * larger than `PRESENCE_BYTES_MAX`; `ConnectFailed`, `ClientClosed`; `TypeError`, `RangeError`.
   */
  setPresence (target: string, state: object | null, part = ''): void {
    this.#keeper.checkOpen()
    const feed = this.#keeper.feeds.of(target)
    if (feed === undefined || !feed.topicsWith([]).has(PRESENCE_TOPIC)) throw new NotFollowing(target)
    checkPlain(state)
    const whole = feed.presenceWith(part, state as Fields | null)
    checkSize(this.#keeper.codec.encode({ t: 'presence', target, state: whole }), 'PRESENCE_BYTES_MAX', PRESENCE_BYTES_MAX)
    feed.setPresence(part, state as Fields | null)
  }

  // ------------------------------------------------------------ signing in again, leaving

  /**
   * Goes on with a fresh token, of the same user, without a new connection.
   *
   * A client that was opened with a token uses this one after a reconnect, too; one that was opened
   * with a function asks the function. Rejects with `CallFailed`: refused, the connection goes on with
   * the old one; `CallAbandoned`: no answer in time; `ConnectFailed`, `ClientClosed`.
   */
  async refresh (token: string, timeoutMs: number = CALL_TIMEOUT_MS): Promise<void> {
    this.#keeper.checkOpen()
    if (this.#keeper.status.getSnapshot().phase === 'live') await authenticate(this.#keeper, token, timeoutMs)
    this.#tokens.replace(token)
  }

  /**
   * Closes the connection and everything that hangs on it.
   *
   * Calls that are still open end with `CallAbandoned` if they were sent, else with `ClientClosed`.
   * Harmless when repeated.
   */
  async close (): Promise<void> {
    this.#keeper.close(new ClientClosed())
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<void>(resolve => { timer = setTimeout(resolve, GOODBYE_TIMEOUT_MS) })
    await Promise.race([this.#keeper.finished, patience])
    clearTimeout(timer)
  }
}
