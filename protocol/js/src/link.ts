/**
 * One connection, from opening to its end: hello, what is sent, what comes, keepalive.
 *
 *     client                            link
 *     run(url, token)               ->  opens, says hello
 *     onLive(welcome)               <-  welcome: calls leave, keepalive starts
 *     post(message), queue.take()   ->  small messages first, then calls
 *     deliver(message)              <-  whatever is not the link's own business
 *     leave()                       ->  goodbye; run resolves
 *
 * `run` resolves with why it ended, and rejects only for what the socket's constructor throws.
 */

import type { Codec, Payload } from './codec.js'
import { Unreadable } from './errors.js'
import { DRAIN_WAIT_MS, HANDSHAKE_TIMEOUT_MS, LINK_QUEUE_MAX, PROBE_TIMEOUT_MS, SOCKET_BUFFER_BYTES_MAX, SOCKET_LOOK_MS } from './limits.js'
import type { ClientMessage, ErrorMessage, GoodbyeMessage, ServerMessage, WelcomeMessage } from './messages.js'
import type { CallQueue } from './queue.js'
import { leaveSocket, openSocket, type Socket, type SocketConstructor } from './socket.js'

const KEEPALIVE_SHARE = 0.8 // Of the server's interval: a ping is on its way before it is missed.

/** Why a link ended. The first reason counts. */
export interface LinkEnd {
  readonly reason: string
  /** The WebSocket close code, if the server closed. */
  readonly code: number | null
  /** The answer to our hello, if it was not a welcome. */
  readonly refusal: ErrorMessage | null
  readonly reconnectAfterMs: number | null
  /** Time since the welcome. */
  readonly livedMs: number
  /** The server speaks another protocol. */
  readonly isForeign: boolean
}

/** What a link is made of. */
export interface LinkParts {
  readonly codec: Codec
  readonly queue: CallQueue
  readonly Socket: SocketConstructor
  readonly onLive: (welcome: WelcomeMessage) => void
  readonly onLatency: () => void
  readonly deliver: (message: ServerMessage) => void
}

/** One connection. `isLive` between welcome and end. */
export class Link {
  isLive = false
  latencyMs: number | null = null
  readonly #parts: LinkParts
  #socket: Socket | null = null
  #resolve: (end: LinkEnd) => void = () => {}
  #isOver = false
  #refusal: ErrorMessage | null = null
  #reconnectAfterMs: number | null = null
  #isDraining = false // The server said goodbye; it takes nothing new.
  #liveSince = Infinity
  #deadline: ReturnType<typeof setTimeout> | undefined
  #look: ReturnType<typeof setTimeout> | undefined
  #keepalive: ReturnType<typeof setInterval> | undefined
  #probe: ReturnType<typeof setTimeout> | undefined
  readonly #posted: Payload[] = []
  readonly #presence = new Map<string, Payload>() // Only the newest of each target is sent.
  #ping = { n: 0, sentAt: 0 }
  #heard = 0 // Messages received: each one proves that the server lives.
  #isPumping = false

  constructor (parts: LinkParts) {
    this.#parts = parts
  }

  /** Opens the connection and keeps it until it ends; resolves with why. */
  run (url: string, token: string): Promise<LinkEnd> {
    const { codec, Socket } = this.#parts
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#deadline = setTimeout(() => this.#end('the server did not answer in time'), HANDSHAKE_TIMEOUT_MS)
      try {
        this.#socket = openSocket(Socket, url, codec.subprotocol, {
          opened: subprotocol => this.#opened(subprotocol, token),
          received: payload => this.#received(payload),
          closed: (code, reason) => this.#end(reason || `closed with ${code}`, { code })
        })
      } catch (error) {
        this.#isOver = true
        this.#clear()
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  /** Sends a small message before all waiting calls. Dropped if the link cannot take it. */
  post (message: ClientMessage): void {
    if (!this.isLive || this.#isDraining) return
    const payload = this.#parts.codec.encode(message)
    if (message.t === 'presence') {
      this.#presence.set(message.target, payload)
    } else if (this.#posted.length >= LINK_QUEUE_MAX) {
      return this.#end('the connection takes nothing')
    } else {
      this.#posted.push(payload)
    }
    this.#pump()
  }

  /** Asks whether the server is still there; without an answer in `PROBE_TIMEOUT_MS` the link ends. */
  probe (): void {
    if (!this.isLive || this.#isDraining) return
    const heard = this.#heard
    this.#sendPing()
    clearTimeout(this.#probe)
    this.#probe = setTimeout(() => {
      if (this.#heard === heard) this.#end('the server fell silent')
    }, PROBE_TIMEOUT_MS)
  }

  /** Closes the connection with a goodbye of the transport. */
  leave (): void {
    this.#end('left')
  }

  // ------------------------------------------------------------ the session

  #opened (subprotocol: string, token: string): void {
    const { codec } = this.#parts
    if (subprotocol !== codec.subprotocol) {
      return this.#end(`the server does not speak ${codec.subprotocol}`, { isForeign: true })
    }
    this.#send(codec.encode({ t: 'hello', token, client: 'collab-js' }))
  }

  #received (payload: string | ArrayBuffer): void {
    let message: ServerMessage
    try {
      message = this.#parts.codec.decode(payload)
      this.#heard++
      this.#take(message)
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      this.#end(`the server sent something unreadable: ${error.message}`)
    }
  }

  #take (message: ServerMessage): void {
    if (message.t === 'pong') {
      if (message.n === this.#ping.n) {
        this.latencyMs = performance.now() - this.#ping.sentAt
        this.#parts.onLatency()
      }
    } else if (message.t === 'goodbye') {
      this.#drain(message)
    } else if (this.isLive) {
      this.#parts.deliver(message)
    } else if (message.t === 'welcome') {
      this.#goLive(message)
    } else if (message.t === 'error') {
      this.#refusal = message
      this.#end(`refused: ${message.code}`)
    }
    if (this.#isDraining && this.#parts.queue.inFlight === 0) this.#end('the server said goodbye')
  }

  #goLive (welcome: WelcomeMessage): void {
    clearTimeout(this.#deadline)
    this.isLive = true
    this.#liveSince = performance.now()
    this.#parts.queue.changed = () => this.#pump()
    this.#keepAlive(welcome.keepalive_ms * KEEPALIVE_SHARE)
    this.#parts.onLive(welcome)
    this.#pump()
  }

  /** Takes the answers of calls in flight, then goes; nothing new is sent. */
  #drain (goodbye: GoodbyeMessage): void {
    this.#reconnectAfterMs = goodbye.reconnect_after_ms ?? null
    this.#isDraining = true
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#end('the server said goodbye'), DRAIN_WAIT_MS)
  }

  /** Pings at once, for the latency, and every `intervalMs`; ends a link that is silent. */
  #keepAlive (intervalMs: number): void {
    let heard = this.#heard
    this.#sendPing()
    this.#keepalive = setInterval(() => {
      if (this.#heard === heard) return this.#end('the server fell silent')
      heard = this.#heard
      this.#sendPing()
    }, intervalMs)
  }

  #sendPing (): void {
    this.#ping = { n: this.#ping.n + 1, sentAt: performance.now() }
    this.post({ t: 'ping', n: this.#ping.n })
  }

  // ------------------------------------------------------------ sending

  /** Sends what may go out: as much as the socket takes without piling it up. */
  #pump (): void {
    if (this.#isPumping || !this.isLive) return
    this.#isPumping = true // Sending may fail at once, which ends the link and asks again.
    clearTimeout(this.#look)
    try {
      while (this.isLive) {
        if ((this.#socket?.bufferedAmount ?? 0) > SOCKET_BUFFER_BYTES_MAX) {
          this.#look = setTimeout(() => this.#pump(), SOCKET_LOOK_MS)
          return
        }
        const payload = this.#next()
        if (payload === null) break
        this.#send(payload)
      }
    } finally {
      this.#isPumping = false
    }
    const waitMs = this.#parts.queue.pace.nextAt - performance.now()
    if (this.isLive && waitMs > 0) this.#look = setTimeout(() => this.#pump(), waitMs)
  }

  #next (): Payload | null {
    // Presence first: what comes before the end of its subscription must not arrive after it.
    for (const [target, payload] of this.#isDraining ? [] : this.#presence) {
      this.#presence.delete(target)
      return payload
    }
    const posted = this.#posted.shift()
    if (posted !== undefined) return posted
    if (this.#isDraining) return null
    return this.#parts.queue.take(performance.now())
  }

  #send (payload: Payload): void {
    // The codec's bytes are in buffers of their own, never in shared memory.
    this.#socket?.send(payload as string | Uint8Array<ArrayBuffer>)
  }

  // ------------------------------------------------------------ ending

  #end (reason: string, { code = null, isForeign = false }: { code?: number | null, isForeign?: boolean } = {}): void {
    if (this.#isOver) return
    this.#isOver = true
    this.isLive = false
    this.#parts.queue.changed = () => {}
    this.#clear()
    if (this.#socket !== null) leaveSocket(this.#socket)
    this.#resolve({
      reason,
      code,
      isForeign,
      refusal: this.#refusal,
      reconnectAfterMs: this.#reconnectAfterMs,
      livedMs: Math.max(0, performance.now() - this.#liveSince)
    })
  }

  #clear (): void {
    clearTimeout(this.#deadline)
    clearTimeout(this.#look)
    clearTimeout(this.#probe)
    clearInterval(this.#keepalive)
  }
}
