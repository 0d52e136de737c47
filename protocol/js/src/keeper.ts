/**
 * Keeps one connection after the other, until the client is closed or refused for good.
 *
 *     connecting --welcome--> live --link ends--> offline --delay--> connecting
 *     connecting --it fails--> offline
 *     any        --closed, or refused for good--> closed
 *
 * Refused for good: 4403 (forbidden), 4400 (we are the wrong kind of client), an answer to hello that
 * is not retryable, and a token that is not accepted twice in a row, or once if there is no other.
 */

import { Backoff, type Random } from './backoff.js'
import type { Codec } from './codec.js'
import { CallFailed, ClientClosed, type ClientError, ConnectFailed } from './errors.js'
import { Feeds } from './feeds.js'
import { HANDSHAKE_TIMEOUT_MS, RECONNECT_DELAY_MAX_MS, TIMER_MAX_MS, TOKEN_REFRESH_MARGIN_MS } from './limits.js'
import { Link, type LinkEnd } from './link.js'
import type { ClientMessage, ErrorMessage, ServerMessage, WelcomeMessage } from './messages.js'
import { CallQueue } from './queue.js'
import type { SocketConstructor } from './socket.js'
import { Status } from './status.js'
import type { TokenSource } from './token.js'
import { onWakeUp } from './waking.js'

const CLOSE_TOO_BIG = 1009
// WebSocket close code -> the error code that it stands for.
const CODES: Readonly<Record<number, string>> = { 4400: 'bad_request', 4401: 'unauthenticated', 4403: 'permission_denied' }

/** What a keeper is made of. */
export interface KeeperParts {
  readonly url: string
  readonly tokens: TokenSource
  readonly codec: Codec
  readonly Socket: SocketConstructor
  readonly random: Random
  readonly offlineQueueMax: number
  readonly followBufferMax: number
}

/** Runs links and tells queue and feeds when one is up or gone. */
export class Keeper {
  readonly status: Status
  readonly queue: CallQueue
  readonly feeds: Feeds
  readonly codec: Codec
  /** Resolves when the client is at its end and its last connection has ended. */
  readonly finished: Promise<void>
  readonly #parts: KeeperParts
  readonly #authenticate: (token: string) => Promise<void>
  readonly #backoff: Backoff
  #endSleep: () => void = () => {}
  #stopFetching: () => void = () => {} // Waiting for a token.
  readonly #linkTimers = new Set<ReturnType<typeof setTimeout>>() // End with the link that is up.
  #link: Link | null = null
  #failure: ClientError | null = null
  #lastRef = 0
  #refusals = 0 // Of tokens, in a row.

  constructor (parts: KeeperParts, authenticate: (keeper: Keeper, token: string) => Promise<void>) {
    this.#parts = parts
    this.codec = parts.codec
    this.#backoff = new Backoff(parts.random)
    this.#authenticate = token => authenticate(this, token)
    this.queue = new CallQueue(parts.offlineQueueMax, () => this.status.refresh())
    this.feeds = new Feeds({
      newRef: () => this.newRef(),
      send: message => this.post(message),
      retryLater: (feed, delayMs) => this.#later(delayMs, () => feed.retry()),
      random: parts.random,
      eventsMax: parts.followBufferMax,
      changed: () => this.status.refresh()
    })
    this.status = new Status(this.queue, this.feeds)
    this.finished = this.#run()
  }

  // ------------------------------------------------------------ for the client

  /** Throws `ConnectFailed` or `ClientClosed` if the client is at its end. */
  checkOpen (): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** Sends a small message if a link is up; without one it would be pointless. */
  post (message: ClientMessage): void {
    this.#link?.post(message)
  }

  /** Returns a reference number that no call and no subscription of this client ever had. */
  newRef (): number {
    return ++this.#lastRef
  }

  /** Ends everything with `error`; only the first one counts. */
  close (error: ClientError): void {
    if (this.#failure === null) {
      this.#failure = error
      this.queue.failAll(error)
      this.feeds.finish(error)
      this.status.set({ phase: 'closed', failure: error })
    }
    this.#endSleep()
    this.#stopFetching()
    this.#link?.leave()
  }

  // ------------------------------------------------------------ the life of connections

  async #run (): Promise<void> {
    await null // Whoever opens a client sees it connecting before anything can fail.
    const forget = onWakeUp(() => this.#wake())
    try {
      while (this.#failure === null) {
        const delayMs = await this.#runOnce()
        if (this.#failure !== null) return
        this.status.set({ phase: 'offline' })
        await this.#sleep(delayMs)
      }
    } catch (error) {
      // Anything else is what the socket's constructor says: no such address, say.
      this.close(error instanceof ConnectFailed ? error : new ConnectFailed('bad_address', String(error)))
    } finally {
      forget()
    }
  }

  /** The network, or the page, is back: the connection is looked at, or tried for, at once. */
  #wake (): void {
    this.#link?.probe()
    this.#endSleep()
  }

  /** Runs one link from opening to end; resolves with the delay in ms before the next. */
  async #runOnce (): Promise<number> {
    this.status.set({ phase: 'connecting' })
    const { codec, Socket, tokens, url } = this.#parts
    let token: string
    try {
      // After a refusal a person may have to be asked, who takes their time.
      token = this.#refusals > 0
        ? await this.#within(Infinity, tokens.fetch('refused'))
        : await this.#within(HANDSHAKE_TIMEOUT_MS, tokens.fetch('hello'))
    } catch (error) {
      if (error instanceof ConnectFailed) throw error
      if (this.#failure !== null) return 0
      // The application's code; usually the network.
      this.status.set({ trouble: `no token: ${error instanceof Error ? error.message : String(error)}` })
      return this.#backoff.nextMs()
    }
    if (this.#failure !== null) return 0
    const link = new Link({
      codec,
      Socket,
      queue: this.queue,
      onLive: welcome => this.#linkUp(welcome),
      onLatency: () => this.status.set({ latencyMs: link.latencyMs }),
      deliver: message => this.#deliver(message)
    })
    this.#link = link
    try {
      const end = await link.run(url, token)
      this.#linkDown(end)
      return this.#delayMs(end)
    } finally {
      this.#link = null
    }
  }

  /** Resolves as `fetching` does. Rejects after `waitMs`, or when the client is at its end. */
  async #within (waitMs: number, fetching: Promise<string>): Promise<string> {
    return await new Promise((resolve, reject) => {
      const patience = waitMs > TIMER_MAX_MS ? undefined : setTimeout(() => reject(new Error('it did not come in time')), waitMs)
      this.#stopFetching = () => {
        clearTimeout(patience)
        reject(new ClientClosed())
      }
      fetching.then(resolve, reject).finally(() => clearTimeout(patience))
    })
  }

  #linkUp (welcome: WelcomeMessage): void {
    const clockAheadMs = Date.now() - welcome.now_ms
    this.status.set({ phase: 'live', trouble: null, userId: welcome.user, sessionId: welcome.session, clockAheadMs })
    this.feeds.linkUp()
    const { tokens } = this.#parts
    if (welcome.expires_at_ms != null && tokens.isCallable) {
      this.#refreshTokens(welcome.expires_at_ms - welcome.now_ms)
    }
  }

  #linkDown (end: LinkEnd): void {
    this.#link = null
    for (const timer of this.#linkTimers) clearTimeout(timer)
    this.#linkTimers.clear()
    this.queue.linkLost(end.code === CLOSE_TOO_BIG)
    this.feeds.linkDown()
    this.status.set({ trouble: end.reason, latencyMs: null, sessionId: null })
  }

  /** Replaces the token in good time, again and again; tokens are taken to live as long. */
  #refreshTokens (leftMs: number): void {
    const intervalMs = Math.min(TIMER_MAX_MS, Math.max(leftMs - TOKEN_REFRESH_MARGIN_MS, leftMs / 2, 1000))
    this.#later(intervalMs, () => {
      this.#parts.tokens.fetch('renewal').then(this.#authenticate).catch((error: unknown) => {
        this.status.set({ trouble: `the token was not replaced: ${String(error)}` })
      })
      this.#refreshTokens(leftMs)
    })
  }

  /** Calls `act` after `delayMs`, unless the link that is up ends before. */
  #later (delayMs: number, act: () => void): void {
    if (this.#link === null) return
    const timer = setTimeout(() => {
      this.#linkTimers.delete(timer)
      act()
    }, delayMs)
    this.#linkTimers.add(timer)
  }

  /** Takes what the server sends to a live session: the answers to calls, the rest to feeds. */
  #deliver (message: ServerMessage): void {
    if (message.t === 'reply') {
      this.queue.answer(message.ref, { answer: { value: message.value ?? null, seq: message.seq ?? null } })
    } else if (message.t !== 'error') {
      this.feeds.deliver(message)
    } else if (message.ref == null) {
      this.status.set({ trouble: `the server refused a message: ${message.code}: ${message.message}` })
    } else if (!this.queue.answer(message.ref, { error: callFailed(message) })) {
      this.feeds.deliver(message)
    }
  }

  // ------------------------------------------------------------ what a link's end means

  /** Returns the ms to wait before the next attempt. Throws `ConnectFailed`: there is to be none. */
  #delayMs (end: LinkEnd): number {
    if (end.livedMs >= RECONNECT_DELAY_MAX_MS) { // It worked; short lives must not become a storm.
      this.#backoff.reset()
      this.#refusals = 0
    }
    if (this.#failure !== null) return 0
    if (end.isForeign) throw new ConnectFailed('no_subprotocol', end.reason)
    if (this.#isTokenRefused(end)) {
      this.#refusals++
      return 0
    }
    // The token was good, and is no reason for the end.
    if (this.status.getSnapshot().phase === 'live') this.#refusals = 0
    return end.reconnectAfterMs ?? (end.refusal?.retry_after_ms ?? 0) + this.#backoff.nextMs()
  }

  /** Says whether another token may help; throws if nothing may. */
  #isTokenRefused (end: LinkEnd): boolean {
    const code = end.refusal?.code ?? CODES[end.code ?? 0]
    if (code === undefined || end.refusal?.retryable === true) return false
    if (code !== 'unauthenticated' || this.#refusals > 0 || !this.#parts.tokens.isRenewable) {
      throw new ConnectFailed(code, end.refusal?.message ?? end.reason)
    }
    return true
  }

  /** Sleeps until the delay is over, the client is at its end, or the network is said to be back. */
  async #sleep (delayMs: number): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, delayMs)
      this.#endSleep = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function callFailed (error: ErrorMessage): CallFailed {
  return new CallFailed(error.code, error.message, {
    retryable: error.retryable, retryAfterMs: error.retry_after_ms, errorId: error.error_id
  })
}
