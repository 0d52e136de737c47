/**
 * Calls from `ask` to their answer, across as many connections as that takes.
 *
 *     waiting   --take-->     in flight   --answer-->   answered
 *     in flight --linkLost--> waiting     (repeatable: it has a key, or only reads)
 *     in flight --linkLost--> answered    with CallAbandoned (not repeatable: outcome unknown; or
 *                                         too large a message ended the connection, repeatedly)
 *     answered  --retry-->    waiting     (the server said that it may be tried again)
 *
 * Waiting calls leave in the order in which they were made, also those that go out again. A call keeps
 * its reference number and its key for life. No I/O here: the link pulls, the asker waits.
 */

import type { Payload } from './codec.js'
import { CallAbandoned, ClientClosed, type ClientError, LimitExceeded } from './errors.js'
import { CALLS_IN_FLIGHT_MAX, TOO_BIG_CLOSES_MAX } from './limits.js'
import { Pace } from './pace.js'

/** A call's success. `seq`: the target's seq after it, if the server told. */
export interface Answer { readonly value: unknown, readonly seq: number | null }

/** What became of a call. */
export type Outcome = { readonly answer: Answer } | { readonly error: ClientError }

/** What may be done with a call, and what it does. */
export interface CallKind {
  /** It may be sent again although the server may have done it. */
  readonly isRepeatable: boolean
  /** It changes something: people want to know whether it is done. */
  readonly isWrite: boolean
}

/**
 * One call on its way.
 *
 * The same bytes go out each time. The deadline in them is then later than ours; but at ours the
 * server gets a cancel.
 */
export class OpenCall {
  readonly ref: number
  readonly payload: Payload
  readonly isRepeatable: boolean
  readonly isWrite: boolean
  wasSent = false
  sentAt = -Infinity
  inFlight = false
  isSettled = false
  tooBigCloses = 0
  #resolve!: (outcome: Outcome) => void
  answered!: Promise<Outcome>

  constructor (ref: number, payload: Payload, kind: CallKind) {
    this.ref = ref
    this.payload = payload
    this.isRepeatable = kind.isRepeatable
    this.isWrite = kind.isWrite
    this.reopen()
  }

  reopen (): void {
    this.isSettled = false
    this.answered = new Promise(resolve => { this.#resolve = resolve })
  }

  /** Hands the outcome to whoever waits. Only the first one counts. */
  settle (outcome: Outcome): void {
    this.isSettled = true
    this.inFlight = false
    this.#resolve(outcome)
  }
}

/** All unanswered calls of a client, at most `lenMax`. */
export class CallQueue {
  pace = new Pace()
  /** Called when there may be something to send. Set by the link that is up. */
  changed: () => void = nothing
  readonly #lenMax: number
  readonly #onCount: () => void
  readonly #open = new Map<number, OpenCall>()
  #waiting: number[] = [] // Refs, ascending; forgotten ones are skipped when met.
  #first = 0 // Of `#waiting`: those before have left.
  #inFlight = 0
  #unsentWrites = 0

  constructor (lenMax: number, onCount: () => void) {
    this.#lenMax = lenMax
    this.#onCount = onCount
  }

  /** Writes that are queued or sent, and not yet answered. */
  get unsentWrites (): number {
    return this.#unsentWrites
  }

  /** Calls sent on the link that is up and not yet answered. */
  get inFlight (): number {
    return this.#inFlight
  }

  /** Throws `LimitExceeded`: as many calls as may be are unanswered. */
  checkRoom (): void {
    if (this.#open.size >= this.#lenMax) {
      throw new LimitExceeded('OFFLINE_QUEUE_MAX', `${this.#open.size} calls are unanswered`)
    }
  }

  /** Queues a new call; ask `checkRoom` first. */
  add (call: OpenCall): void {
    this.#open.set(call.ref, call)
    this.#count(call, 1)
    this.#wait(call.ref)
    this.changed()
  }

  /** Queues `call` again, in its old place, after an answer that allows it. */
  retry (call: OpenCall): void {
    if (!this.#open.has(call.ref)) return
    call.reopen()
    this.#count(call, 1)
    this.#wait(call.ref)
    this.changed()
  }

  /** Drops `call`; returns whether the server is still at it and should be told. */
  forget (call: OpenCall): boolean {
    if (this.#open.delete(call.ref) && !call.isSettled) this.#count(call, -1)
    this.#compact()
    if (!call.inFlight) return false
    call.inFlight = false
    this.#inFlight--
    this.changed() // There is room in the window for another one.
    return true
  }

  /** Returns the next call to be sent; null if nothing may go out now. */
  take (now: number): Payload | null {
    while (this.#first < this.#waiting.length && this.#inFlight < CALLS_IN_FLIGHT_MAX && now >= this.pace.nextAt) {
      const call = this.#open.get(this.#waiting[this.#first++] as number)
      if (call === undefined || call.isSettled || call.inFlight) continue
      call.inFlight = call.wasSent = true
      call.sentAt = now
      this.#inFlight++
      this.pace.spend(now)
      this.#compact()
      return call.payload
    }
    return null
  }

  /** Settles the call `ref`; returns whether there is such a call in flight. */
  answer (ref: number, outcome: Outcome): boolean {
    const call = this.#open.get(ref)
    if (call === undefined || !call.inFlight) return false
    this.#inFlight--
    this.#settle(call, outcome)
    if (this.#first < this.#waiting.length) this.changed()
    return true
  }

  /**
   * Queues again what may be sent twice; the outcome of the rest is unknown.
   *
   * `isTooBig`: a message was too large for the server. What was in flight may be the cause, so it
   * goes out again a few times only.
   */
  linkLost (isTooBig: boolean): void {
    this.#inFlight = 0
    this.pace = new Pace() // It was the old connection that was too busy.
    for (const call of [...this.#open.values()]) {
      if (!call.inFlight) continue
      if (isTooBig) call.tooBigCloses++
      if (call.tooBigCloses >= TOO_BIG_CLOSES_MAX) {
        this.#settle(call, { error: new CallAbandoned('it, or its answer, is larger than a message may be') })
      } else if (call.isRepeatable) {
        call.inFlight = false
        this.#wait(call.ref)
      } else {
        this.#settle(call, { error: new CallAbandoned('the connection was lost before the answer') })
      }
    }
  }

  /** Ends every call: with `error`, or as abandoned if the server may have done it. */
  failAll (error: ClientError): void {
    for (const call of [...this.#open.values()]) {
      if (call.isSettled) continue
      const isUnknown = call.wasSent && error instanceof ClientClosed
      this.#settle(call, { error: isUnknown ? new CallAbandoned('the client was closed before the answer') : error })
    }
    this.#inFlight = 0
  }

  #settle (call: OpenCall, outcome: Outcome): void {
    if (!call.isSettled) this.#count(call, -1)
    call.settle(outcome)
  }

  #count (call: OpenCall, by: number): void {
    if (!call.isWrite) return
    this.#unsentWrites += by
    this.#onCount()
  }

  /** Puts `ref` where it belongs: nearly always at the end; one that goes out again, further ahead. */
  #wait (ref: number): void {
    let low = this.#first
    let high = this.#waiting.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#waiting[middle] as number) < ref) low = middle + 1
      else high = middle
    }
    if (this.#waiting[low] !== ref) this.#waiting.splice(low, 0, ref)
  }

  #compact (): void {
    const waiting = this.#waiting.length - this.#first
    const isMostlyGone = this.#first > 64 && this.#first > waiting
    if (!isMostlyGone && waiting <= 2 * this.#open.size + 64) return
    this.#waiting = this.#waiting.slice(this.#first).filter(ref => this.#open.has(ref))
    this.#first = 0
  }
}

function nothing (): void {
  // The queue has nobody to tell while there is no link.
}
