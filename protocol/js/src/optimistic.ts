/**
 * Optimistic updates: show a write at once, and be right about it in the end. No I/O, no clock.
 *
 * What is shown is always *confirmed history, then the pending mutations in order on top*:
 *
 *     state = apply_n(... apply_1(reduce(... reduce(snapshot, event_1) ..., event_m)))
 *
 * - mutate: the mutation is appended, so it shows at once;
 * - an event of anybody: it goes under the pending mutations (they are rebased);
 * - reply with seq: the mutation is confirmed; it leaves when the history has reached that seq, so it
 *   never disappears before its own event shows;
 * - refused, abandoned or aborted: it leaves at once; what is shown equals a replay without it. If it
 *   happened after all, its event will come.
 *
 * States are values: `reduce` and `apply` return new ones, and must accept any state.
 */

import { LimitExceeded } from './errors.js'
import type { EventItem } from './items.js'
import { OFFLINE_QUEUE_MAX } from './limits.js'

/** A local write that history does not hold yet. */
export interface Mutation<S> {
  readonly op: string
  readonly args: object
  readonly apply: (state: S) => S
  /** It happened, and its last event has this seq. */
  confirmedSeq: number | null
}

/** How history becomes a state. */
export interface Reduction<S> {
  readonly reduce: (state: S, event: EventItem) => S
  /**
   * Says that an event is the mutation's own, so that it is not shown twice in the moment between the
   * event and the reply. Without it, make `apply` idempotent.
   */
  readonly settles?: ((event: EventItem, mutation: Mutation<S>) => boolean) | undefined
}

/** Confirmed history and pending mutations. There is no state before the first `reset`. */
export class OptimisticState<S> {
  #epoch: string | null = null
  #seq = 0
  #isOver = false
  #base: { readonly state: S } | null = null
  #shown: { readonly state: S } | null = null // Null: it must be computed again.
  #pending: Array<Mutation<S>> = []
  readonly #reduction: Reduction<S>

  constructor (reduction: Reduction<S>) {
    this.#reduction = reduction
  }

  get epoch (): string | null {
    return this.#epoch
  }

  /** What to show; null before history has begun. */
  get state (): S | null {
    if (this.#base === null) return null
    this.#shown ??= { state: this.#pending.reduce((state, mutation) => mutation.apply(state), this.#base.state) }
    return this.#shown.state
  }

  /** History alone, without what is pending; null before it has begun. */
  get history (): S | null {
    return this.#base?.state ?? null
  }

  /** What is shown on top of history, oldest first. */
  get pending (): ReadonlyArray<Mutation<S>> {
    return this.#pending
  }

  /**
   * Shows `mutation`. What `apply` throws comes out, and nothing has changed.
   *
   * Throws `LimitExceeded`: `OFFLINE_QUEUE_MAX` mutations are pending.
   */
  mutate (mutation: Mutation<S>): void {
    if (this.#pending.length >= OFFLINE_QUEUE_MAX) {
      throw new LimitExceeded('OFFLINE_QUEUE_MAX', `${this.#pending.length} mutations are pending`)
    }
    const state = this.state
    const next = this.#base === null ? null : { state: mutation.apply(state as S) }
    this.#pending = [...this.#pending, mutation]
    this.#shown = next
  }

  /** `mutation` happened; its events reach up to `seq` (null: it caused none). */
  confirm (mutation: Mutation<S>, seq: number | null): void {
    if (seq === null || this.#isOver || (this.#base !== null && seq <= this.#seq)) this.drop(mutation)
    else mutation.confirmedSeq = seq
  }

  /** Shows `mutation` no more. Harmless when it is gone already. */
  drop (mutation: Mutation<S>): void {
    this.#keep(pending => pending !== mutation)
  }

  /** Puts one more event under the pending mutations. */
  event (event: EventItem): void {
    if (this.#base === null) return
    this.#base = { state: this.#reduction.reduce(this.#base.state, event) }
    this.#shown = null
    const own = this.#pending.find(mutation => this.#reduction.settles?.(event, mutation) === true)
    if (own !== undefined) this.drop(own)
    this.reach(event.seq)
  }

  /** More of the past is known; up to when history reaches stays as it is. */
  extend (history: S): void {
    this.#base = { state: history }
    this.#shown = null
  }

  /** History is known up to `seq`, even if the last of it shows nothing. */
  reach (seq: number): void {
    this.#seq = Math.max(this.#seq, seq)
    this.#keep(({ confirmedSeq }) => confirmedSeq === null || confirmedSeq > this.#seq)
  }

  /** History has ended: what it would have held later is shown no more, or it would be pending for ever. */
  end (): void {
    this.#keep(({ confirmedSeq }) => confirmedSeq === null)
    this.#isOver = true
  }

  /** Starts over from a snapshot; unconfirmed mutations stay on top of it. */
  reset (base: S, epoch: string, seq: number): void {
    this.#base = { state: base }
    this.#shown = null
    // Seqs of a history that is no more mean nothing in this one.
    if (this.#epoch !== null && epoch !== this.#epoch) this.#keep(({ confirmedSeq }) => confirmedSeq === null)
    this.#epoch = epoch
    this.#seq = seq
    this.reach(seq)
  }

  #keep (isWanted: (mutation: Mutation<S>) => boolean): void {
    const kept = this.#pending.filter(isWanted)
    if (kept.length === this.#pending.length) return
    this.#pending = kept
    this.#shown = null
  }
}
