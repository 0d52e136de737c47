/** From live views into TanStack Query's cache: whatever changes on the server changes the cached value. */

import type { Observable, Shown } from '@collab/client'
import { hashKey, type QueryClient, type QueryKey } from '@tanstack/query-core'

/** Which queries of a cache are ours. */
export const KEYS_BEGIN = 'collab'

/** What keeps one query fresh. */
export interface Bridge {
  readonly isFollowing: () => boolean
  /**
   * A fetch has put into the cache what it began with: what happened meanwhile goes on top. Returns why
   * nothing follows any more; null: it goes on.
   */
  readonly fetched: () => Error | null
  /** No fetch is running. */
  readonly settled: () => void
  readonly end: () => void
}

/** Keeps cached queries up to date for as long as they are in the cache. */
export class Bridges {
  readonly #queries: QueryClient
  readonly #bridges = new Map<string, Bridge>() // By the query's hash.
  readonly #forget: () => void

  constructor (queries: QueryClient) {
    this.#queries = queries
    this.#forget = queries.getQueryCache().subscribe(event => {
      if (event.type !== 'removed' && event.type !== 'updated') return
      const { query } = event
      const bridge = query.queryKey[0] === KEYS_BEGIN ? this.#bridges.get(hashKey(query.queryKey)) : undefined
      if (bridge === undefined) return
      if (event.type === 'removed') return this.end(query.queryKey)
      if (event.action.type === 'success' && event.action.manual !== true) {
        const error = bridge.fetched()
        if (error !== null) this.fail(query.queryKey, error)
      }
      if (query.state.fetchStatus === 'idle') bridge.settled()
    })
  }

  /** Whether something keeps the query fresh: not what has ended, nor one that was restored from elsewhere. */
  isFollowed (key: QueryKey): boolean {
    return this.#bridges.get(hashKey(key))?.isFollowing() ?? false
  }

  /** From now on `bridge` keeps the query fresh; another one that did is ended. */
  begin (key: QueryKey, bridge: Bridge): void {
    const hash = hashKey(key)
    const before = this.#bridges.get(hash)
    this.#bridges.set(hash, bridge)
    if (before !== bridge) before?.end()
  }

  /** Ends the query's bridge, if it has one. */
  end (key: QueryKey): void {
    const hash = hashKey(key)
    const bridge = this.#bridges.get(hash)
    this.#bridges.delete(hash)
    bridge?.end()
  }

  /** Shows the query's observers an error. It stays until the query is fetched anew. */
  fail (key: QueryKey, error: Error): void {
    this.#queries.getQueryCache().find({ queryKey: key })?.setState({ status: 'error', error })
  }

  /** Resolves with the first state of `store`, and puts every later one into the cache. */
  async follow<S> (key: QueryKey, store: Observable<Shown<S>>, signal: AbortSignal): Promise<S> {
    let isFirst = true
    return await new Promise<S>((resolve, reject) => {
      const take = (): void => {
        const { status, state, error } = store.getSnapshot()
        if (status === 'ended') {
          const reason = error ?? new Error('it was closed')
          reject(reason)
          if (!isFirst) this.fail(key, reason)
        } else if (state !== null) {
          resolve(state)
          if (!isFirst) this.#queries.setQueryData(key, state)
          isFirst = false
        }
      }
      const forget = store.subscribe(take)
      this.begin(key, {
        isFollowing: () => store.getSnapshot().status !== 'ended',
        fetched: () => {
          const { status, state, error } = store.getSnapshot()
          if (status === 'ended') return error ?? new Error('it was closed')
          if (state !== null && state !== this.#queries.getQueryData(key)) this.#queries.setQueryData(key, state)
          return null
        },
        settled: () => {},
        end: () => { forget(); reject(new Error('it was closed')) }
      })
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
    for (const bridge of [...this.#bridges.values()]) bridge.end()
    this.#bridges.clear()
  }
}
