/** From live views into TanStack Query's cache: whatever changes on the server changes the cached value. */

import type { Observable, Shown } from '@collab/client'
import { hashKey, type QueryClient, type QueryKey } from '@tanstack/query-core'

/** Keeps cached queries up to date for as long as they are in the cache. */
export class Bridges {
  readonly #queries: QueryClient
  readonly #ends = new Map<string, () => void>() // By the query's hash.
  readonly #forget: () => void

  constructor (queries: QueryClient) {
    this.#queries = queries
    this.#forget = queries.getQueryCache().subscribe(({ type, query }) => {
      if (type === 'removed') this.end(query.queryKey)
    })
  }

  /** Whether the query has a bridge that works. */
  has (key: QueryKey): boolean {
    return this.#ends.has(hashKey(key))
  }

  /** Calls `end` when the query leaves the cache, or another bridge takes over. */
  begin (key: QueryKey, end: () => void): void {
    this.end(key)
    this.#ends.set(hashKey(key), end)
  }

  /** Ends the query's bridge, if it has one. */
  end (key: QueryKey): void {
    const end = this.#ends.get(hashKey(key))
    this.#ends.delete(hashKey(key))
    end?.()
  }

  /** Shows the query's observers an error. It stays as it is until it is fetched again. */
  fail (key: QueryKey, error: Error): void {
    this.end(key)
    this.#queries.getQueryCache().find({ queryKey: key })?.setState({ status: 'error', error, fetchStatus: 'idle' })
  }

  /** Resolves with the first state of `store`, and puts every later one into the cache. */
  async follow<S> (key: QueryKey, store: Observable<Shown<S>>, signal: AbortSignal): Promise<S> {
    let isFirst = true
    return await new Promise<S>((resolve, reject) => {
      const take = (): void => {
        const { status, state, error } = store.getSnapshot()
        if (status === 'ended') {
          const reason = error ?? new Error('it was closed')
          if (isFirst) reject(reason)
          this.fail(key, reason)
        } else if (state !== null) {
          if (isFirst) resolve(state)
          else this.#queries.setQueryData(key, state)
          isFirst = false
        }
      }
      this.begin(key, store.subscribe(take))
      signal.addEventListener('abort', () => {
        if (!isFirst) return
        this.end(key)
        reject(signal.reason as Error)
      }, { once: true })
      take()
    })
  }

  /** Ends every bridge. */
  close (): void {
    this.#forget()
    for (const end of [...this.#ends.values()]) end()
    this.#ends.clear()
  }
}
