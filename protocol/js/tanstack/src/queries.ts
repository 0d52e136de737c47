/** Options for TanStack Query, of any framework: queries that live events keep fresh, and optimistic mutations. */

import {
  type Collab, type Content, type EventItem, LastingFollower, type ListShown, type MeetingShown, type Shown, type Target,
  blankMessage, type Observable, type TranscriptShown, type ViewShape
} from '@collab/client'
import type { DataTag, InfiniteData, QueryClient, QueryFunctionContext } from '@tanstack/query-core'
import { Bridges } from './bridge.js'
import {
  afterEvent, type CachedMessage, confirmed, type MessagePage, type MessagePages, messageIn, pendingIn, startedOver, withChanged, withoutPending,
  withPending
} from './message-pages.js'

/** The name of what has messages. */
export type ChatName = `chat:${string}` | `meeting:${string}`

type Key = readonly unknown[]

/** What all of them have in common. Nothing goes stale: what changes is told. */
interface Fresh {
  readonly staleTime: number
  /** The client tries again by itself, for ever where that can help. */
  readonly retry: false
  /** The client keeps what is asked without a connection, and sends it when there is one. */
  readonly networkMode: 'always'
}

/** Options of a query whose data is an `S`: for `useQuery`, `createQuery`, `QueryObserver`, … */
export interface LiveQuery<S> extends Fresh {
  readonly queryKey: DataTag<Key, S>
  readonly queryFn: (context: { readonly signal: AbortSignal }) => Promise<S>
  readonly structuralSharing: false
}

/** Options of an infinite query of messages. */
export interface LiveMessages extends Fresh {
  readonly queryKey: DataTag<Key, MessagePages>
  readonly queryFn: (context: Pick<QueryFunctionContext<Key, number | null>, 'signal' | 'pageParam'>) => Promise<MessagePage>
  readonly initialPageParam: null
  readonly getNextPageParam: (last: MessagePage) => number | undefined
}

/** Options of a mutation. */
export interface LiveMutation<V, R, U = void> {
  readonly mutationKey: Key
  readonly mutationFn: (variables: V) => Promise<R>
  readonly onMutate: (variables: V) => U
  readonly onError: (error: Error, variables: V, undo: U | undefined) => void
  readonly onSuccess: (reply: R, variables: V, undo: U) => void
  readonly retry: false
  readonly networkMode: 'always'
}

const FRESH: Fresh = { staleTime: Infinity, retry: false, networkMode: 'always' }

/** Queries and mutations of one client and one cache. Made by `collabQueries`. */
export class CollabQueries {
  readonly #collab: Collab
  readonly #queries: QueryClient
  readonly #bridges: Bridges
  #lastPending = 0

  constructor (collab: Collab, queries: QueryClient) {
    this.#collab = collab
    this.#queries = queries
    this.#bridges = new Bridges(queries)
  }

  /** The state and people of a meeting. */
  meeting (key: string): LiveQuery<MeetingShown> {
    const target = this.#collab.meeting(key)
    return this.#live(`${target.name}#room`, () => target.room())
  }

  /** What is said in a meeting. */
  transcript (key: string): LiveQuery<TranscriptShown> {
    const target = this.#collab.meeting(key)
    return this.#live(`${target.name}#transcript`, () => target.transcript())
  }

  /** One's own meetings and chats. */
  list (): LiveQuery<ListShown> {
    const name = 'me#list'
    return {
      ...FRESH,
      structuralSharing: false,
      queryKey: ['collab', name] as unknown as DataTag<Key, ListShown>,
      queryFn: async ({ signal }) => {
        const me = await this.#collab.me()
        return await this.#follow(name, () => me.list(), signal)
      }
    }
  }

  /** Topics of any target as one state. `name` tells apart several shapes of one target. */
  live<S> (target: Pick<Target, 'name' | 'view'>, shape: ViewShape<S>, name: string): LiveQuery<S> {
    return this.#live(`${target.name}#live#${name}`, () => target.view(shape))
  }

  /** The messages of a chat or a meeting, newest page first; `fetchNextPage` brings older ones. */
  messages (name: ChatName): LiveMessages {
    const key = messagesKey(name)
    return {
      ...FRESH,
      queryKey: key,
      queryFn: async ({ pageParam, signal }) => pageParam === null
        ? await this.#newest(name, signal)
        : await this.#collab.client.call(name, 'messages.page', { before: pageParam }, { isRead: true, signal }) as MessagePage,
      initialPageParam: null,
      getNextPageParam: ({ more, messages }) => more ? messages[0]?.id : undefined
    }
  }

  // ------------------------------------------------------------ writes

  /** Posts a message, which shows at once and goes if it is refused. */
  post (name: ChatName): LiveMutation<{ readonly content: Content, readonly replyTo?: number }, { readonly id: number }, string> {
    const key = messagesKey(name)
    return {
      ...this.#mutation(name, 'messages.post'),
      mutationFn: async ({ content, replyTo }) => await this.#collab.client.call(name, 'messages.post', {
        ...(typeof content === 'string' ? { text: content } : { parts: content }),
        ...(replyTo === undefined ? {} : { reply_to: replyTo })
      }) as { id: number },
      onMutate: ({ content, replyTo }) => {
        const pendingKey = `pending ${++this.#lastPending}`
        const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : [...content]
        const message = { ...blankMessage(this.#me, Date.now()), parts, reply_to: replyTo ?? null, isPending: true, pendingKey }
        this.#change(key, pages => withPending(pages, message))
        return pendingKey
      },
      onError: (_error, _variables, pendingKey) => {
        if (pendingKey !== undefined) this.#change(key, pages => withoutPending(pages, pendingKey))
      },
      onSuccess: ({ id }, _variables, pendingKey) => this.#change(key, pages => confirmed(pages, pendingKey, id))
    }
  }

  /** Puts one's own reaction on a message, or takes it back, at once. */
  react (name: ChatName): LiveMutation<{ readonly id: number, readonly emoji: string, readonly on?: boolean }, unknown, Undo> {
    return this.#optimistic(name, 'messages.react', ({ id, emoji, on = true }) => ({ id, emoji, on }), (message, { emoji, on = true }) => {
      const others = (message.reactions[emoji] ?? []).filter(user => user !== this.#me)
      const { [emoji]: _, ...rest } = message.reactions
      const users = on ? [...others, this.#me] : others
      return { ...message, reactions: users.length > 0 ? { ...rest, [emoji]: users } : rest }
    })
  }

  /** Replaces the words of one's own message, at once. */
  edit (name: ChatName): LiveMutation<{ readonly id: number, readonly text: string }, unknown, Undo> {
    return this.#optimistic(name, 'messages.edit', ({ id, text }) => ({ id, text }),
      (message, { text }) => ({ ...message, parts: [{ type: 'text', text }] }))
  }

  /** Empties one's own message, at once. */
  remove (name: ChatName): LiveMutation<{ readonly id: number }, unknown, Undo> {
    return this.#optimistic(name, 'messages.delete', ({ id }) => ({ id }),
      message => ({ ...message, parts: [], reactions: {}, is_deleted: true }))
  }

  /** Ends all following. The cached data stays. */
  close (): void {
    this.#bridges.close()
  }

  // ------------------------------------------------------------ live data

  #live<S> (name: string, open: () => Observable<Shown<S>> & { close: () => void }): LiveQuery<S> {
    return {
      ...FRESH,
      structuralSharing: false,
      queryKey: ['collab', name] as unknown as DataTag<Key, S>,
      queryFn: async ({ signal }) => await this.#follow(name, open, signal)
    }
  }

  async #follow<S> (name: string, open: () => Observable<Shown<S>> & { close: () => void }, signal: AbortSignal): Promise<S> {
    const key = ['collab', name]
    const { shared } = this.#collab
    if (shared.get(name, open).getSnapshot().status === 'ended') shared.renew(name, open)
    return await this.#bridges.follow(key, shared.store(name, open), signal)
  }

  /** Resolves with the newest page, and puts what happens afterwards into the cache. */
  async #newest (name: ChatName, signal: AbortSignal): Promise<MessagePage> {
    const key = messagesKey(name)
    const follower = new LastingFollower(this.#collab.client, name, ['messages'], { signal })
    this.#bridges.begin(key, () => follower.close())
    for (;;) {
      const items = await follower.batch()
      if (items.length === 0) throw new Error('it was closed')
      for (const [n, item] of items.entries()) {
        if (item.kind !== 'snapshot') continue
        const { messages, more } = item.topics['messages'] as MessagePage
        const events = items.slice(n + 1).filter(later => later.kind === 'event')
        // The page is in the cache when this promise has resolved; only then can events go on top.
        void this.#pump(key, follower, events)
        return { messages: [...messages, ...pendingIn(this.#pages(key))], more }
      }
    }
  }

  async #pump (key: Key, follower: LastingFollower, events: readonly EventItem[]): Promise<void> {
    try {
      await this.#settled(key)
      this.#change(key, pages => events.reduce(afterEvent, pages))
      for (;;) {
        const items = await follower.batch()
        if (items.length === 0) return
        this.#change(key, pages => items.reduce((now, item) => item.kind === 'snapshot'
          ? startedOver(now, item.topics['messages'] as MessagePage)
          : item.kind === 'event' ? afterEvent(now, item) : now, pages))
      }
    } catch (error) {
      this.#bridges.fail(key, error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** Resolves when the fetch that is running has put its data into the cache. */
  async #settled (key: Key): Promise<void> {
    const cache = this.#queries.getQueryCache()
    await new Promise<void>(resolve => {
      const look = (): boolean => cache.find({ queryKey: key })?.state.fetchStatus !== 'fetching'
      if (look()) return resolve()
      const forget = cache.subscribe(() => { if (look()) { forget(); resolve() } })
    })
  }

  // ------------------------------------------------------------ optimism

  #mutation (name: ChatName, op: string): { mutationKey: Key, retry: false, networkMode: 'always' } {
    return { mutationKey: ['collab', name, op], retry: false, networkMode: 'always' }
  }

  /** Shows a change of one message at once; a refusal takes it back, unless the message has changed since. */
  #optimistic<V extends { readonly id: number }> (
    name: ChatName, op: string, args: (variables: V) => object, change: (message: CachedMessage, variables: V) => CachedMessage
  ): LiveMutation<V, unknown, Undo> {
    const key = messagesKey(name)
    return {
      ...this.#mutation(name, op),
      mutationFn: async variables => await this.#collab.client.call(name, op, args(variables)),
      onMutate: variables => {
        const before = this.#pages(key)
        const was = before === undefined ? undefined : messageIn(before, variables.id)
        const shown = was === undefined ? undefined : change(was, variables)
        if (shown !== undefined) this.#change(key, pages => withChanged(pages, variables.id, () => shown))
        return { was, shown }
      },
      onError: (_error, { id }, undo) => {
        if (undo?.was === undefined) return
        const { was, shown } = undo
        this.#change(key, pages => withChanged(pages, id, now => now === shown ? was : now))
        void this.#mend(name, id) // Others may have changed it meanwhile: then it is not ours to put back.
      },
      onSuccess: () => {}
    }
  }

  /** Puts what the server has of a message into the cache. */
  async #mend (name: ChatName, id: number): Promise<void> {
    const key = messagesKey(name)
    try {
      const message = await this.#collab.client.call(name, 'messages.get', { id }, { isRead: true }) as CachedMessage
      this.#change(key, pages => withChanged(pages, id, () => message))
    } catch {
      await this.#queries.invalidateQueries({ queryKey: key }) // The next fetch says why it cannot be read.
    }
  }

  #pages (key: Key): MessagePages | undefined {
    return this.#queries.getQueryData<MessagePages>(key)
  }

  #change (key: Key, change: (pages: MessagePages) => MessagePages): void {
    this.#queries.setQueryData<InfiniteData<MessagePage, number | null>>(key, pages => pages && change(pages))
  }

  get #me (): string {
    return this.#collab.client.userId ?? ''
  }
}

/** What a change of one message was, and what it became. */
export interface Undo {
  readonly was: CachedMessage | undefined
  readonly shown: CachedMessage | undefined
}

/** Returns the options of `collab`'s queries and mutations, for this cache. */
export function collabQueries (collab: Collab, queries: QueryClient): CollabQueries {
  return new CollabQueries(collab, queries)
}

function messagesKey (name: ChatName): DataTag<Key, MessagePages> {
  return ['collab', name, 'messages'] as unknown as DataTag<Key, MessagePages>
}
