/**
 * The messages of one query: history that is followed, and own writes on top, whatever is fetched meanwhile.
 *
 * TanStack keeps the pages that there are when a fetch begins, and writes them back at its end. So what
 * is live is kept beside the cache: own writes until history has them, and events for as long as a
 * fetch runs. Both are put on whatever the fetch brings.
 *
 * The follower belongs to the query, not to a fetch: a fetch that is cancelled ends nothing, and one
 * that is repeated asks only for older pages. The newest is what is followed.
 */

import { type Client, type EventItem, type Item, LastingFollower } from '@collab/client'
import type { QueryClient, QueryKey } from '@tanstack/query-core'
import type { Bridge, Bridges } from './bridge.js'
import { after, type Change, historyOf, type MessagePage, type MessagePages, type OwnWrite, withOwn } from './message-pages.js'

const MEANWHILE_MAX = 1_000 // Events while a fetch runs. Beyond, of what it brings only the newest page is kept.

/** What it needs. */
export interface LivePagesPorts {
  readonly client: Client
  readonly queries: QueryClient
  readonly bridges: Bridges
  /** Ms that a page or a write waits for its answer, and for a connection. */
  readonly timeoutMs: number
  /** It serves no query, and no write is open. */
  readonly onIdle: () => void
}

export class LivePages implements Bridge {
  readonly #name: string
  readonly #key: QueryKey
  readonly #ports: LivePagesPorts
  #follower: LastingFollower | null = null
  #error: Error | null = null // Why nothing follows any more.
  #isServing = false // A query in the cache.
  #epoch: string | null = null
  #seq = 0 // History has reached it.
  #meanwhile: Change[] = [] // What happened since the fetch that is running began.
  #own: readonly OwnWrite[] = []

  constructor (name: string, key: QueryKey, ports: LivePagesPorts) {
    this.#name = name
    this.#key = key
    this.#ports = ports
  }

  // ------------------------------------------------------------ for fetches

  /** Resolves with the newest page, which is followed from now on. Rejects with why it cannot be, or the signal's reason. */
  async newest (signal: AbortSignal): Promise<MessagePage> {
    const page = this.#history?.pages[0]
    if (this.#follower !== null && page !== undefined) return page
    return await new Promise<MessagePage>((resolve, reject) => {
      const follower = new LastingFollower(this.#ports.client, this.#name, ['messages'])
      this.#follower?.close()
      this.#follower = follower
      this.#isServing = true
      this.#ports.bridges.begin(this.#key, this)
      let isFirst = true
      signal.addEventListener('abort', () => {
        if (!isFirst) return
        this.#over(follower, this.#error)
        reject(signal.reason as Error)
      }, { once: true })
      this.#run(follower, first => { isFirst = false; resolve(first) }).then(reject, (error: Error) => {
        if (this.#over(follower, error) && !isFirst) this.#ports.bridges.fail(this.#key, error)
        reject(error)
      })
    })
  }

  /** Resolves with the page before message `before`. Rejects as `Client.ask`, or with why nothing follows any more. */
  async older (before: number, signal: AbortSignal): Promise<MessagePage> {
    if (this.#error !== null) throw this.#error
    const { client, timeoutMs } = this.#ports
    return pageOf(await client.call(this.#name, 'messages.page', { before }, { isRead: true, signal, timeoutMs }))
  }

  isFollowing = (): boolean => this.#follower !== null

  fetched = (): Error | null => {
    const meanwhile = this.#meanwhile
    this.#meanwhile = []
    this.#show(meanwhile)
    return this.#error
  }

  settled = (): void => {
    this.#meanwhile = []
  }

  end = (): void => {
    this.#follower?.close()
    this.#follower = null
    this.#isServing = false
    this.#rest()
  }

  // ------------------------------------------------------------ own writes

  /** Shows `write` at once, and until history has it; does `op`, resolves with its value. Rejects as `Client.ask`. */
  async write (op: string, args: object, write: OwnWrite): Promise<unknown> {
    const { client, timeoutMs } = this.#ports
    this.#own = [...this.#own, write]
    this.#show()
    try {
      const { value, seq } = await client.ask(this.#name, op, args, { timeoutMs })
      write.seq = write.posts === null ? seq : (value as { readonly id: number }).id
      if (this.#follower === null || write.seq === null || write.seq <= this.#seq) this.#drop(write)
      return value
    } catch (error) {
      this.#drop(write)
      throw error
    } finally {
      this.#show()
      this.#rest()
    }
  }

  #drop (write: OwnWrite | undefined): void {
    this.#own = this.#own.filter(one => one !== write)
  }

  /** The event of a post may come before its answer: then it is of the oldest one that says the same. */
  #settle ({ seq, type, by, data }: EventItem): void {
    if (type !== 'message.posted' || by !== this.#ports.client.userId || this.#own.some(write => write.seq === seq)) return
    const words = JSON.stringify(data['parts'])
    this.#drop(this.#own.find(write => write.seq === null && JSON.stringify(write.posts) === words))
  }

  #rest (): void {
    if (!this.#isServing && this.#own.length === 0) this.#ports.onIdle()
  }

  // ------------------------------------------------------------ history

  /** Follows until it is closed, and resolves with that. Rejects with why the server ended it. */
  async #run (follower: LastingFollower, onFirst: (page: MessagePage) => void): Promise<Error> {
    for (let isFirst = true; ; isFirst = false) {
      const items = await follower.batch()
      if (items.length === 0 || this.#follower !== follower) return new Error('it was closed')
      const changes = items.flatMap(item => this.#taken(item))
      if (follower.cursor !== null) this.#reach(follower.cursor.seq)
      if (isFirst) {
        this.#error = null
        const [first, ...events] = changes // The first is a snapshot.
        onFirst(events.reduce(after, { pages: [first as MessagePage], pageParams: [null] }).pages[0] as MessagePage)
      } else {
        this.#note(changes)
        this.#show(changes)
      }
    }
  }

  #taken (item: Item): Change[] {
    if (item.kind === 'presence') return []
    if (item.kind === 'event') {
      this.#settle(item)
      return [item]
    }
    if (item.epoch !== this.#epoch) { // Seqs of a history that is no more mean nothing in this one.
      this.#own = this.#own.filter(({ seq }) => seq === null)
      this.#epoch = item.epoch
      this.#seq = 0
    }
    return [pageOf(item.topics['messages'])]
  }

  #reach (seq: number): void {
    this.#seq = Math.max(this.#seq, seq)
    this.#own = this.#own.filter(write => write.seq === null || write.seq > this.#seq)
  }

  /** Keeps what happens while a fetch runs. */
  #note (changes: readonly Change[]): void {
    const { queries } = this.#ports
    if ((queries.getQueryState(this.#key)?.fetchStatus ?? 'idle') === 'idle') return
    this.#meanwhile.push(...changes)
    const newest = this.#history?.pages[0]
    if (this.#meanwhile.length <= MEANWHILE_MAX || newest === undefined) return
    this.#meanwhile = [newest, ...changes] // It is without `changes` yet.
  }

  /** Puts `changes` on what is cached, and own writes on top. */
  #show (changes: readonly Change[] = []): void {
    const { queries } = this.#ports
    const held = queries.getQueryData<MessagePages>(this.#key)
    if (held === undefined) return
    const shown = withOwn(changes.reduce(after, historyOf(held)), this.#own)
    if (shown === held) return
    // What is not followed stays the error that it is.
    if (this.#follower !== null) queries.setQueryData<MessagePages>(this.#key, shown)
    else queries.getQueryCache().find({ queryKey: this.#key })?.setState({ data: shown })
  }

  /** Returns whether it was followed until now. */
  #over (follower: LastingFollower, error: Error | null): boolean {
    follower.close()
    if (this.#follower !== follower) return false
    this.#follower = null
    this.#error = error
    return true
  }

  get #history (): MessagePages | undefined {
    const held = this.#ports.queries.getQueryData<MessagePages>(this.#key)
    return held === undefined ? undefined : historyOf(held)
  }
}

function pageOf (answer: unknown): MessagePage {
  const { messages, more } = answer as MessagePage
  return { messages, more }
}
