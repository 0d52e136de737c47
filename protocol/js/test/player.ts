/** Plays a recorded exchange against the client, in virtual time: we are the server. */

import type { Client } from '../src/client.js'
import type { Codec } from '../src/codec.js'
import { ClientError } from '../src/errors.js'
import type { Follower } from '../src/follower.js'
import type { Item } from '../src/items.js'
import { LastingFollower } from '../src/lasting.js'
import type { Cursor } from '../src/messages.js'
import { pack, unpack } from '../src/msgpack.js'
import type { Answer } from '../src/queue.js'
import type { Socket, SocketConstructor } from '../src/socket.js'
import { pass } from './clients.js'
import { Bindings, type Case, inJson, ourSteps, type Step } from './recorded.js'

const STEP_MS = 60_000 // Of virtual time: reconnects included.
const LOOK_MS = 10

type Fields = Record<string, unknown>
type CallOutcome = { readonly answer: Answer } | { readonly code: string }

/** One run of one case. */
export class Player {
  readonly #case: Case
  readonly #codec: Codec
  readonly #bindings: Bindings
  readonly #arriving: Wire[] = []
  readonly #wires = new Map<string, Wire>()
  readonly #calls = new Map<string, { outcome: CallOutcome | null, readonly abort: AbortController }>()
  readonly #followers = new Map<string, { readonly follower: Follower | LastingFollower, readonly seen: Array<Item | Error> }>()

  constructor (recorded: Case, codec: Codec) {
    this.#case = recorded
    this.#codec = codec
    this.#bindings = new Bindings(recorded.values)
  }

  /** What the client opens. */
  get Socket (): SocketConstructor {
    const arriving = this.#arriving
    const isText = this.#isText
    return class extends Wire {
      constructor (_url: string, subprotocols: string[]) {
        super(subprotocols[0] ?? '', isText)
        arriving.push(this)
      }
    }
  }

  /** Plays all steps, then sees that the client has nothing else to say. Rejects with what is different. */
  async run (client: Client): Promise<void> {
    for (const { step, on } of ourSteps(this.#case)) {
      try {
        await this.#step(step, on, client)
      } catch (error) {
        throw new Error(`${this.#case.name}: ${JSON.stringify(step)}: ${String(error)}`)
      }
    }
    await pass(1)
    for (const wire of this.#wires.values()) {
      const rest = wire.sent.filter(message => message['t'] !== 'ping')
      if (rest.length > 0) throw new Error(`nothing was expected any more, but ${JSON.stringify(rest)} came`)
    }
  }

  async #step (step: Step, on: string, client: Client): Promise<void> {
    if ('connect' in step) {
      this.#wires.set(on, await this.#when(() => this.#arriving.shift(), 'a connection'))
    } else if ('client' in step) {
      const template = step['client'] as Fields
      this.#matchMessage(template, await this.#receive(on, template['t'] === 'ping'))
    } else if ('server' in step) {
      this.#wire(on).deliver(this.#bindings.fill(step['server'], !this.#isText) as Fields)
    } else if ('drop' in step || 'closed' in step) {
      await pass(1)
      this.#wire(on).end((step['code'] as number | undefined) ?? 1006)
      this.#wires.delete(on)
    } else if ('app' in step) {
      this.#app(this.#bindings.fill(step, true) as Fields, client)
    } else if ('sees' in step) {
      await this.#sees(step, client)
    }
    await pass(1)
  }

  // ------------------------------------------------------------ the wire

  get #isText (): boolean {
    return this.#codec.subprotocol === 'collab.v1.json'
  }

  #wire (on: string): Wire {
    const wire = this.#wires.get(on)
    if (wire === undefined) throw new Error(`there is no connection ${on}`)
    return wire
  }

  /** Resolves with the next message; pings are answered on the way. */
  async #receive (on: string, wantsPing: boolean): Promise<Fields> {
    for (;;) {
      const message = await this.#when(() => this.#wire(on).sent.shift(), 'a message')
      if (message['t'] !== 'ping' || wantsPing) return message
      this.#wire(on).deliver({ t: 'pong', n: message['n'] })
    }
  }

  #matchMessage (template: Fields, got: Fields): void {
    const ordered = (message: Fields): Fields => message['t'] === 'subscribe'
      ? { ...message, topics: [...message['topics'] as string[]].sort() }
      : message
    this.#bindings.match(ordered(template), inJson(ordered(got)), 'message')
  }

  async #when<T> (look: () => T | undefined, what: string): Promise<T> {
    for (let waited = 0; waited <= STEP_MS; waited += LOOK_MS) {
      const found = look()
      if (found !== undefined) return found
      await pass(LOOK_MS)
    }
    throw new Error(`${what} did not come`)
  }

  // ------------------------------------------------------------ the application

  #app (step: Fields, client: Client): void {
    const target = step['target'] as string
    switch (step['app']) {
      case 'call': {
        const abort = new AbortController()
        const call: { outcome: CallOutcome | null, readonly abort: AbortController } = { outcome: null, abort }
        this.#calls.set(step['as'] as string, call)
        const options = {
          ...('key' in step ? { key: step['key'] as string } : {}),
          ...('timeout_ms' in step ? { timeoutMs: step['timeout_ms'] as number } : {})
        }
        client.ask(target, step['op'] as string, step['args'] as Fields, { signal: abort.signal, ...options }).then(
          answer => { call.outcome = { answer } },
          (error: unknown) => { if (error instanceof ClientError) call.outcome = { code: error.code } })
        return
      }
      case 'cancel': return this.#calls.get(step['call'] as string)?.abort.abort()
      case 'follow': {
        const topics = step['topics'] as string[]
        const options = { cursor: (step['cursor'] as Cursor | undefined) ?? null }
        const follower = step['lasting'] === true
          ? new LastingFollower(client, target, topics, options)
          : client.follow(target, topics, options)
        const seen: Array<Item | Error> = []
        this.#followers.set(step['as'] as string, { follower, seen })
        void readInto(follower, seen)
        return
      }
      case 'unfollow': return this.#followers.get(step['follow'] as string)?.follower.close()
      case 'presence': return client.setPresence(target, step['state'] as Fields)
      case 'refresh': {
        const call: { outcome: CallOutcome | null, readonly abort: AbortController } = { outcome: null, abort: new AbortController() }
        this.#calls.set(step['as'] as string, call)
        client.refresh(step['token'] as string).then(
          () => { call.outcome = { answer: { value: null, seq: null } } },
          (error: unknown) => { if (error instanceof ClientError) call.outcome = { code: error.code } })
        return
      }
      default: throw new Error('no such step')
    }
  }

  async #sees (step: Step, client: Client): Promise<void> {
    const { sees, follow, call: name, ...expected } = step
    if (sees === 'state') {
      await this.#when(() => client.connection.getSnapshot().phase === step['state'] || undefined, 'the state')
    } else if (name !== undefined) {
      const outcome = await this.#when(() => this.#calls.get(name as string)?.outcome ?? undefined, 'the outcome')
      const wanted = sees === 'abandoned' ? { code: 'abandoned' } : 'seq' in expected ? expected : { ...expected, seq: '$any' }
      this.#bindings.match(wanted, inJson('answer' in outcome ? outcome.answer : outcome))
    } else {
      const seen = await this.#when(() => this.#followers.get(follow as string)?.seen.shift(), 'an item')
      this.#bindings.match({ item: sees, ...expected }, shown(seen))
    }
  }
}

async function readInto (follower: Follower | LastingFollower, seen: Array<Item | Error>): Promise<void> {
  try {
    if (follower instanceof LastingFollower) {
      for (let items = await follower.batch(); items.length > 0; items = await follower.batch()) seen.push(...items)
    } else for await (const item of follower) seen.push(item)
  } catch (error) {
    seen.push(error as Error)
  }
}

function shown (seen: Item | Error): unknown {
  if (seen instanceof Error) return { item: 'end', code: seen instanceof ClientError ? seen.code : String(seen) }
  const { kind, ...fields } = seen
  if (kind !== 'snapshot') return inJson({ item: kind, ...fields })
  const { resetReason, ...rest } = fields as Fields
  return inJson({ item: kind, reset: resetReason, ...rest })
}

/** What the client holds, and we. */
class Wire implements Socket {
  binaryType = ''
  readonly bufferedAmount = 0
  readyState = 0
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  onerror: Socket['onerror'] = null
  readonly protocol: string
  readonly sent: Fields[] = []
  readonly #isText: boolean

  constructor (protocol: string, isText: boolean) {
    this.protocol = protocol
    this.#isText = isText
    setTimeout(() => {
      this.readyState = 1
      this.onopen?.(undefined as never)
    })
  }

  send (payload: string | Uint8Array): void {
    this.sent.push((typeof payload === 'string' ? JSON.parse(payload) : unpack(payload)) as Fields)
  }

  close (): void {
    this.readyState = 3
  }

  deliver (message: Fields): void {
    if (this.readyState !== 1) return
    const data = this.#isText ? JSON.stringify(message) : pack(message).slice().buffer
    this.onmessage?.({ data } as never)
  }

  end (code: number): void {
    this.readyState = 3
    this.onclose?.({ code, reason: '' } as never)
  }
}
