/** Asking the server: a reference number, a payload, and patience until the answer. */

import { Backoff, type Random } from './backoff.js'
import { checkPlain, checkText, sizeOf, type Payload } from './codec.js'
import { CallAbandoned, CallFailed, LimitExceeded } from './errors.js'
import type { Keeper } from './keeper.js'
import { CALL_DEADLINE_MAX_MS, CLIENT_KEY_LEN_MAX, FRAME_BYTES_MAX, OP_LEN_MAX, TARGET_LEN_MAX, TIMER_MAX_MS } from './limits.js'
import type { Fields } from './messages.js'
import { type Answer, OpenCall, type Outcome } from './queue.js'

// Answers after which a call is tried again, and whether that needs it to be repeatable.
const TRY_AGAIN: ReadonlyMap<string, boolean> = new Map([
  ['overloaded', false], // Nothing was done.
  ['rate_limited', false],
  // The token ran out before the fresh one was through. The call may be a retry of one that has
  // happened: to pass this on as a refusal could be untrue.
  ['unauthenticated', false],
  ['unavailable', true], // It may have happened.
  ['deadline_exceeded', true]
])

/** One question, complete. */
export interface Question {
  readonly target: string
  readonly op: string
  readonly args: Fields
  readonly key: string | null
  readonly isRepeatable: boolean
  readonly isWrite: boolean
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** Makes calls, waits for their answers, and tries again where that is right. */
export class Asker {
  readonly #keeper: Keeper
  readonly #random: Random

  constructor (keeper: Keeper, random: Random) {
    this.#keeper = keeper
    this.#random = random
  }

  /** Does what `Client.ask` promises. */
  async ask (question: Question): Promise<Answer> {
    const { queue } = this.#keeper
    question.signal?.throwIfAborted()
    this.#keeper.checkOpen()
    queue.checkRoom()
    const call = this.#openCall(question)
    const patience = new Patience(question.timeoutMs, question.signal)
    const backoff = new Backoff(this.#random)
    queue.add(call)
    try {
      for (;;) {
        const outcome = await patience.until(call.answered)
        if ('answer' in outcome) return outcome.answer
        const delayMs = this.#retryDelayMs(call, outcome.error, backoff)
        if (delayMs === null) throw outcome.error
        await patience.sleep(delayMs)
        this.#keeper.checkOpen()
        queue.retry(call)
      }
    } catch (error) {
      if (error === TIMED_OUT) {
        throw new CallAbandoned(`no answer of ${question.target} to ${question.op} within ${question.timeoutMs} ms`)
      }
      throw error
    } finally {
      patience.end()
      if (queue.forget(call)) this.#keeper.post({ t: 'cancel', ref: call.ref })
    }
  }

  #openCall ({ target, op, args, key, isRepeatable, isWrite, timeoutMs }: Question): OpenCall {
    checkName('target', target, TARGET_LEN_MAX)
    checkName('op', op, OP_LEN_MAX)
    if (key !== null) checkName('key', key, CLIENT_KEY_LEN_MAX)
    checkPlain(args)
    const ref = this.#keeper.newRef()
    const deadlineMs = Math.max(1, Math.ceil(Math.min(timeoutMs, CALL_DEADLINE_MAX_MS)))
    const payload = this.#keeper.codec.encode({ t: 'call', ref, target, op, args, key, deadline_ms: deadlineMs })
    checkSize(payload, 'FRAME_BYTES_MAX', FRAME_BYTES_MAX)
    return new OpenCall(ref, payload, { isRepeatable, isWrite })
  }

  /** Returns after how many ms to try again; null: the answer stands. */
  #retryDelayMs (call: OpenCall, error: unknown, backoff: Backoff): number | null {
    if (!(error instanceof CallFailed)) return null
    const needsRepeatable = TRY_AGAIN.get(error.code)
    if (needsRepeatable === undefined || (needsRepeatable && !call.isRepeatable)) return null
    const leastMs = error.retryAfterMs ?? 0
    // It is the connection that is too busy: the other waiting calls hold back as well.
    if (error.code === 'rate_limited') this.#keeper.queue.pace.slowDown(performance.now(), call.sentAt, leastMs)
    return leastMs + backoff.nextMs()
  }
}

/**
 * Gives the live session a fresh token.
 *
 * Rejects with `CallFailed`: the server refused it, the session goes on with the old one;
 * `CallAbandoned`: no answer in time.
 */
export async function authenticate (keeper: Keeper, token: string, timeoutMs: number): Promise<void> {
  const ref = keeper.newRef()
  const auth = new OpenCall(ref, keeper.codec.encode({ t: 'auth', ref, token }), { isRepeatable: false, isWrite: false })
  const patience = new Patience(timeoutMs, undefined)
  keeper.queue.add(auth)
  let outcome: Outcome
  try {
    outcome = await patience.until(auth.answered)
  } catch {
    throw new CallAbandoned('the server did not answer to the fresh token')
  } finally {
    patience.end()
    keeper.queue.forget(auth)
  }
  // A lost connection says hello again with the newest token: there is nothing to repeat.
  if ('error' in outcome && !(outcome.error instanceof CallAbandoned)) throw outcome.error
}

/** Returns a key for one write. */
export function newKey (): string {
  return crypto.randomUUID?.() ?? keyFrom(crypto.getRandomValues(new Uint8Array(16)))
}

/** `randomUUID` is missing on pages that did not come over TLS; the server wants any unique text. */
function keyFrom (bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

/** Refuses what the server would refuse. Throws `LimitExceeded`. */
export function checkSize (payload: Payload, limit: string, bytesMax: number): void {
  if (payload.length * 3 <= bytesMax) return // A character has at most 3 bytes.
  const size = sizeOf(payload)
  if (size > bytesMax) throw new LimitExceeded(limit, `${size} bytes, at most ${bytesMax}`)
}

/** Refuses a name that the server would refuse. Throws `RangeError`, `TypeError`. */
export function checkName (what: string, name: string, lenMax: number): void {
  if (name.length > lenMax) throw new RangeError(`${what} is longer than ${lenMax}`)
  checkText(name)
}

const TIMED_OUT = Symbol('timed out')

/** How long one call waits: until its deadline or its signal. Rejects with `TIMED_OUT` or the reason. */
class Patience {
  readonly #over: Promise<never>
  readonly #timer: ReturnType<typeof setTimeout> | undefined
  readonly #signal: AbortSignal | undefined
  #giveUp: (reason: unknown) => void = () => {}
  #wake: ReturnType<typeof setTimeout> | undefined
  readonly #onAbort = (): void => this.#giveUp(this.#signal?.reason)

  constructor (timeoutMs: number, signal: AbortSignal | undefined) {
    if (Number.isNaN(timeoutMs)) throw new RangeError('timeoutMs is not a number')
    this.#over = new Promise((_resolve, reject) => { this.#giveUp = reject })
    this.#over.catch(() => {}) // Nobody may be waiting just then.
    this.#timer = timeoutMs > TIMER_MAX_MS
      ? undefined
      : setTimeout(() => this.#giveUp(TIMED_OUT), timeoutMs)
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  until<T> (promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#over])
  }

  sleep (delayMs: number): Promise<void> {
    return this.until(new Promise(resolve => { this.#wake = setTimeout(resolve, delayMs) }))
  }

  end (): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#wake)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
