/** A live state with optimistic writes: it follows a target, and tells whoever shows it. */

import type { AskOptions, Client } from './client.js'
import type { EventItem, SnapshotItem } from './items.js'
import { LastingFollower } from './lasting.js'
import { FOLLOW_BUFFER_EVENTS_MAX } from './limits.js'
import { Listeners, type Observable } from './observable.js'
import { type Mutation, OptimisticState, type Reduction } from './optimistic.js'

/** How a view is made of what the server sends. */
export interface ViewShape<S> extends Reduction<S> {
  readonly topics: readonly string[]
  /** Makes a state of a snapshot. */
  readonly load: (topics: SnapshotItem['topics']) => S
}

/** What a view shows at one moment. */
export interface Shown<S> {
  /** `waiting` for the first snapshot; `ended` for good, and `error` says why. */
  readonly status: 'waiting' | 'live' | 'ended'
  /** Null while waiting; after the end it stays what it was. */
  readonly state: S | null
  /** Null also after `close`. */
  readonly error: Error | null
  /** Own writes that history does not hold yet. */
  readonly pending: number
}

/** Follows `topics` of `target` as one state, until `close`. Throws what `Client.follow` throws. */
export class View<S> implements Observable<Shown<S>> {
  readonly #client: Client
  readonly #target: string
  readonly #shape: ViewShape<S>
  readonly #follower: LastingFollower
  readonly #core: OptimisticState<S>
  readonly #listeners = new Listeners()
  #end: { readonly error: Error | null } | null = null
  #shown: Shown<S> | null = null
  #extending: Promise<void> | null = null
  #meanwhile: EventItem[] | null = null // Since the past is being read; null: it must be read anew.

  constructor (client: Client, target: string, shape: ViewShape<S>) {
    this.#client = client
    this.#target = target
    this.#shape = shape
    this.#core = new OptimisticState(shape)
    this.#follower = new LastingFollower(client, target, shape.topics)
    void this.#run()
  }

  subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  getSnapshot = (): Shown<S> => {
    this.#shown ??= {
      status: this.#end !== null ? 'ended' : this.#core.epoch === null ? 'waiting' : 'live',
      state: this.#core.state,
      error: this.#end?.error ?? null,
      pending: this.#core.pending.length
    }
    return this.#shown
  }

  /**
   * Shows `apply` at once, does `op` on the server, resolves with its value.
   *
   * Rejects with what `Client.ask` rejects with; the mutation is then rolled back. Aborted: rolled
   * back; if it happened after all, its event shows it.
   */
  async mutate (op: string, args: object, apply: (state: S) => S, options: AskOptions = {}): Promise<unknown> {
    const mutation: Mutation<S> = { op, args, apply, confirmedSeq: null }
    this.#core.mutate(mutation)
    this.#changed()
    try {
      const answer = await this.#client.ask(this.#target, op, args, options)
      this.#core.confirm(mutation, answer.seq)
      return answer.value
    } catch (error) {
      this.#core.drop(mutation)
      throw error
    } finally {
      this.#changed()
    }
  }

  /** Resolves with the state as soon as `condition` holds for it. Rejects: it will not change any more. */
  async when (condition: (state: S) => boolean): Promise<S> {
    for (;;) {
      const { state, status, error } = this.getSnapshot()
      if (state !== null && condition(state)) return state
      if (status === 'ended') throw error ?? new Error('the view was closed')
      await new Promise<void>(resolve => {
        const forget = this.#listeners.add(() => { forget(); resolve() })
      })
    }
  }

  /**
   * Puts more of the past under what is shown. `read` asks for what is before the history that it is
   * given; `join` returns the history `now` with it, to which it applies what happened `meanwhile`: the
   * page may have it or not. Asked twice, it happens once. Rejects as `read`; nothing has changed then.
   */
  protected async extend<P> (
    read: (history: S) => Promise<P>, join: (now: S, page: P, asked: S, meanwhile: readonly EventItem[]) => S
  ): Promise<void> {
    this.#extending ??= this.#extend(read, join).finally(() => { this.#extending = null })
    await this.#extending
  }

  async #extend<P> (
    read: (history: S) => Promise<P>, join: (now: S, page: P, asked: S, meanwhile: readonly EventItem[]) => S
  ): Promise<void> {
    await this.when(() => true)
    for (;;) {
      const meanwhile: EventItem[] = []
      this.#meanwhile = meanwhile
      const asked = this.#core.history as S
      const page = await read(asked)
      if (this.#meanwhile !== meanwhile) continue // History has started over: the page is not before it.
      this.#meanwhile = null
      this.#core.extend(join(this.#core.history as S, page, asked, meanwhile))
      return this.#changed()
    }
  }

  #note (event: EventItem): void {
    if (this.#meanwhile !== null && this.#meanwhile.push(event) > FOLLOW_BUFFER_EVENTS_MAX) this.#meanwhile = null
  }

  /** Stops following; the state stays as it is. Harmless when repeated. */
  close (): void {
    this.#follower.close()
    this.#over(null)
  }

  async #run (): Promise<void> {
    try {
      for (;;) {
        const items = await this.#follower.batch()
        if (items.length === 0 || this.#end !== null) return
        for (const item of items) { // All that came at one time, before anybody looks.
          if (item.kind === 'snapshot') {
            this.#core.reset(this.#shape.load(item.topics), item.epoch, item.seq)
            this.#meanwhile = null
          } else if (item.kind === 'event') {
            this.#core.event(item)
            this.#note(item)
          }
        }
        const { cursor } = this.#follower
        if (cursor !== null && cursor.epoch === this.#core.epoch) this.#core.reach(cursor.seq)
        this.#changed()
      }
    } catch (error) {
      this.#follower.close() // It may have been `load` or `reduce`, which must not throw.
      this.#over(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #over (error: Error | null): void {
    if (this.#end !== null) return
    this.#end = { error }
    this.#core.end()
    this.#changed()
  }

  #changed (): void {
    this.#shown = null
    this.#listeners.tell()
  }
}
