/**
 * A small server in memory, under virtual time, for whatever a real one does not do on demand.
 *
 * It speaks the wire through sockets that look like the standard's. Its op `add` appends an event to
 * the topic named in the arguments, once per key; other ops are answered by `respond`.
 */

import { type Codec, json } from '../src/codec.js'
import type { ClientMessage, ServerMessage } from '../src/messages.js'
import { unpack } from '../src/msgpack.js'
import type { Socket } from '../src/socket.js'

const LATENCY_MS = 1

interface Logged { seq: number, topic: string, type: string, at_ms: number, by: string, data: Record<string, unknown> }

/** What one target holds. */
export class Log {
  epoch = 'e1'
  events: Logged[] = []
  readonly answers = new Map<string, { value: unknown, seq: number }>()

  get seq (): number { return this.events.at(-1)?.seq ?? 0 }

  add (topic: string, data: Record<string, unknown>, type = 'added', by = 'ann'): number {
    const seq = this.seq + 1
    this.events.push({ seq, topic, type, at_ms: 0, by, data })
    return seq
  }

  of (topics: readonly string[]): Record<string, unknown> {
    return Object.fromEntries(topics.filter(topic => topic !== 'presence').map(topic =>
      [topic, this.events.filter(event => event.topic === topic).map(event => event.data['n'])]))
  }
}

type Call = Extract<ClientMessage, { t: 'call' }>
type Hello = Extract<ClientMessage, { t: 'hello' }>
type Bare<M> = M extends unknown ? Omit<M, 'ref'> : never
export type Answering = Bare<Extract<ServerMessage, { t: 'reply' | 'error' }>> | null

/** The server; `Socket` is what a client opens. */
export class WireServer {
  isUp = true
  readonly codec: Codec
  readonly logs = new Map<string, Log>()
  readonly connections: Connection[] = []
  readonly heard: ClientMessage[] = [] // Of all connections, in order.
  attempts: number[] = [] // When each connection was opened, in ms of virtual time.
  /** Answers calls that are not `add`; null: nothing is answered. */
  respond: (call: Call) => Answering = () => ({ t: 'reply', value: null, seq: null })
  /** Says what becomes of a hello: a welcome, or this. */
  judge: (hello: Hello) => ServerMessage | null = () => null
  /** Says what becomes of a subscription, before all else. */
  refuse: (target: string, topics: readonly string[]) => { code: string, retryable: boolean } | null = () => null
  expiresInMs: number | null = null
  /** What snapshots show, where a target is no log. */
  snapshot: ((target: string) => Record<string, unknown>) | null = null

  constructor (codec: Codec = json) {
    this.codec = codec
  }

  get Socket (): new (url: string, subprotocols: string[]) => Socket {
    const server = this
    return class extends FakeSocket {
      constructor (_url: string, subprotocols: string[]) {
        super(server, subprotocols[0] ?? '')
      }
    }
  }

  log (target: string): Log {
    const held = this.logs.get(target) ?? new Log()
    this.logs.set(target, held)
    return held
  }

  /** Everybody who follows hears what was added. */
  publish (target: string): void {
    for (const connection of this.connections) connection.catchUp(target)
  }

  /** Cuts every connection, as a network does. */
  cut (code = 1006): void {
    for (const connection of [...this.connections]) connection.close(code)
  }

  messages<T extends ClientMessage['t']> (tag: T): Array<Extract<ClientMessage, { t: T }>> {
    return this.heard.filter(message => message.t === tag) as Array<Extract<ClientMessage, { t: T }>>
  }
}

interface Subscription { ref: number, topics: readonly string[], seq: number }

/** The server's side of one socket. */
export class Connection {
  readonly subscriptions = new Map<string, Subscription>()
  isMute = false // It takes everything and answers nothing.
  readonly #server: WireServer
  readonly #socket: FakeSocket
  isLive = false

  constructor (server: WireServer, socket: FakeSocket) {
    this.#server = server
    this.#socket = socket
  }

  send (message: ServerMessage): void {
    const payload = this.#server.codec.encode(message as unknown as ClientMessage)
    this.#socket.arrive(typeof payload === 'string' ? payload : payload.slice().buffer)
  }

  sendRaw (payload: string): void {
    this.#socket.arrive(payload)
  }

  close (code: number): void {
    this.#server.connections.splice(this.#server.connections.indexOf(this), 1)
    this.#socket.closed(code)
  }

  take (message: ClientMessage): void {
    this.#server.heard.push(message)
    if (this.isMute) return
    switch (message.t) {
      case 'hello': return this.#hello(message)
      case 'ping': return this.send({ t: 'pong', n: message.n })
      case 'auth': return this.send({ t: 'reply', ref: message.ref, value: null, seq: null })
      case 'call': return this.#call(message)
      case 'subscribe': return this.#subscribe(message)
      case 'unsubscribe': return this.#unsubscribe(message.ref)
      default:
    }
  }

  catchUp (target: string): void {
    const subscription = this.subscriptions.get(target)
    const log = this.#server.log(target)
    if (subscription === undefined || subscription.seq >= log.seq) return
    const events = log.events.filter(event => event.seq > subscription.seq && subscription.topics.includes(event.topic))
    this.send({ t: 'events', target, after: subscription.seq, seq: log.seq, events })
    subscription.seq = log.seq
  }

  #hello (hello: Hello): void {
    const verdict = this.#server.judge(hello)
    if (verdict !== null) return this.send(verdict)
    this.isLive = true
    const { expiresInMs } = this.#server
    this.send({
      t: 'welcome', session: 's1', user: 'ann', now_ms: 0, keepalive_ms: 20_000, expires_at_ms: expiresInMs
    })
  }

  #call (call: Call): void {
    const log = this.#server.log(call.target)
    if (call.op !== 'add') {
      const answer = this.#server.respond(call)
      if (answer !== null) this.send({ ...answer, ref: call.ref })
      return
    }
    const { topic = 'log', ...data } = call.args as { topic?: string, n: number }
    const known = log.answers.get(call.key ?? '')
    const answer = known ?? { value: data.n, seq: log.add(topic, data) }
    if (call.key != null) log.answers.set(call.key, answer)
    this.send({ t: 'reply', ref: call.ref, ...answer })
    this.#server.publish(call.target)
  }

  #subscribe ({ ref, target, topics, cursor }: Extract<ClientMessage, { t: 'subscribe' }>): void {
    const refusal = this.#server.refuse(target, topics)
    if (refusal !== null) {
      return this.send({ t: 'error', ref, message: 'refused', retry_after_ms: null, error_id: null, ...refusal })
    }
    if (this.subscriptions.has(target)) throw new Error(`${target} is followed twice on one connection`)
    const log = this.#server.log(target)
    const { epoch, seq } = log
    const snapshot = { ref, target, epoch, seq, topics: this.#server.snapshot?.(target) ?? log.of(topics) }
    if (cursor == null) {
      this.send({ t: 'snapshot', ...snapshot })
      this.subscriptions.set(target, { ref, topics, seq })
    } else if (cursor.epoch !== epoch || cursor.seq > seq) {
      this.send({ t: 'reset', reason: cursor.epoch === epoch ? 'cursor_ahead' : 'epoch_changed', ...snapshot })
      this.subscriptions.set(target, { ref, topics, seq })
    } else {
      this.send({ t: 'resumed', ref, target, epoch, seq: cursor.seq })
      this.subscriptions.set(target, { ref, topics, seq: cursor.seq })
      this.catchUp(target)
    }
  }

  #unsubscribe (ref: number): void {
    for (const [target, subscription] of this.subscriptions) {
      if (subscription.ref !== ref) continue
      this.subscriptions.delete(target)
      this.send({ t: 'ended', ref, target, code: 'unsubscribed', message: '', retryable: false })
    }
  }
}

/** What the client holds. */
class FakeSocket implements Socket {
  binaryType = ''
  bufferedAmount = 0
  readyState = 0
  readonly protocol: string
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  onerror: Socket['onerror'] = null
  readonly #server: WireServer
  readonly #connection: Connection

  constructor (server: WireServer, protocol: string) {
    this.#server = server
    this.protocol = protocol
    this.#connection = new Connection(server, this)
    server.attempts.push(performance.now())
    setTimeout(() => {
      if (!server.isUp) return this.closed(1006)
      if (this.readyState !== 0) return
      this.readyState = 1
      server.connections.push(this.#connection)
      this.onopen?.(undefined as never)
    }, LATENCY_MS)
  }

  send (payload: string | Uint8Array): void {
    const value: unknown = typeof payload === 'string' ? JSON.parse(payload) : unpack(payload)
    setTimeout(() => {
      if (this.#server.connections.includes(this.#connection)) this.#connection.take(value as ClientMessage)
    }, LATENCY_MS)
  }

  close (): void {
    this.readyState = 2
    const at = this.#server.connections.indexOf(this.#connection)
    if (at >= 0) setTimeout(() => this.#server.connections.splice(this.#server.connections.indexOf(this.#connection), 1), LATENCY_MS)
  }

  arrive (data: string | ArrayBuffer): void {
    setTimeout(() => { if (this.readyState === 1) this.onmessage?.({ data } as never) }, LATENCY_MS)
  }

  closed (code: number): void {
    if (this.readyState >= 2) return
    this.readyState = 3
    this.onclose?.({ code, reason: '' } as never)
  }
}
