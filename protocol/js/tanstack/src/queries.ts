/** Options for TanStack Query, of any framework: queries that live events keep fresh, and optimistic mutations. */

import {
  blankMessage, type Collab, type Content, type ListShown, type MeetingShown, NOT_YET, type Shareable, type Shown, type Target,
  type TranscriptShown, type ViewShape
} from '@collab/client'
import type { DataTag, Query, QueryClient, QueryFunctionContext } from '@tanstack/query-core'
import { Bridges, KEYS_BEGIN } from './bridge.js'
import { LivePages } from './live-pages.js'
import { type CachedMessage, type MessagePage, type MessagePages, withChanged, withPosted } from './message-pages.js'

const ANSWER_TIMEOUT_MS = 86_400_000 // A page that was left open without a connection for so long is forgotten.

/** The name of what has messages. */
export type ChatName = `chat:${string}` | `meeting:${string}`

type Key = readonly unknown[]

/** What all of them have in common. */
interface Fresh {
  /** What is followed does not go stale: what changes is told. What was restored from elsewhere is fetched when it shows. */
  readonly staleTime: (query: object) => number // No more of the type: the rest is inferred from the key.
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
  readonly structuralSharing: false
  readonly initialPageParam: null
  readonly getNextPageParam: (last: MessagePage) => number | undefined
}

/** Options of a mutation. All of it is in `mutationFn`: the callbacks are free for whoever uses it. */
export interface LiveMutation<V, R> {
  readonly mutationKey: Key
  readonly mutationFn: (variables: V) => Promise<R>
  readonly retry: false
  readonly networkMode: 'always'
}

/** How `collabQueries` behaves. */
export interface CollabQueriesOptions {
  /** Ms that a write, or a page that is asked for, waits for its answer, and for a connection. A day by default. */
  readonly timeoutMs?: number | undefined
}

/** Queries and mutations of one client and one cache. Made by `collabQueries`. */
export class CollabQueries {
  readonly #collab: Collab
  readonly #queries: QueryClient
  readonly #bridges: Bridges
  readonly #timeoutMs: number
  readonly #fresh: Fresh
  readonly #pages = new Map<string, LivePages>() // By the target's name: of those that are cached, or written to.
  #lastPending = 0

  constructor (collab: Collab, queries: QueryClient, { timeoutMs = ANSWER_TIMEOUT_MS }: CollabQueriesOptions = {}) {
    this.#collab = collab
    this.#queries = queries
    this.#timeoutMs = timeoutMs
    this.#bridges = new Bridges(queries)
    this.#fresh = { staleTime: query => this.#bridges.isFollowed((query as Query).queryKey) ? Infinity : 0, retry: false, networkMode: 'always' }
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
      ...this.#fresh,
      structuralSharing: false,
      queryKey: [KEYS_BEGIN, name] as unknown as DataTag<Key, ListShown>,
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
    return {
      ...this.#fresh,
      structuralSharing: false, // What has not changed is the same object already.
      queryKey: messagesKey(name),
      queryFn: async ({ pageParam, signal }) => {
        const pages = this.#pagesOf(name)
        return pageParam === null ? await pages.newest(signal) : await pages.older(pageParam, signal)
      },
      initialPageParam: null,
      getNextPageParam: ({ more, messages, history }) => more ? (history ?? messages)[0]?.id : undefined
    }
  }

  // ------------------------------------------------------------ writes

  /** Posts a message, which shows at once and goes if it is refused. */
  post (name: ChatName): LiveMutation<{ readonly content: Content, readonly replyTo?: number | undefined }, { readonly id: number }> {
    return {
      ...mutation(name, 'messages.post'),
      mutationFn: async ({ content, replyTo }) => {
        const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : [...content]
        const reply = replyTo === undefined ? {} : { reply_to: replyTo }
        const message = { ...blankMessage(this.#me, Date.now()), parts, ...reply, pendingKey: `pending ${++this.#lastPending}` }
        return await this.#pagesOf(name).write('messages.post', { ...(typeof content === 'string' ? { text: content } : { parts }), ...reply }, {
          apply: (pages, seq) => withPosted(pages, { ...message, id: seq ?? NOT_YET, isPending: seq === null }),
          posts: parts,
          seq: null
        }) as { readonly id: number }
      }
    }
  }

  /** Puts one's own reaction on a message, or takes it back, at once. */
  react (name: ChatName): LiveMutation<{ readonly id: number, readonly emoji: string, readonly on?: boolean | undefined }, unknown> {
    return this.#change(name, 'messages.react', ({ id, emoji, on = true }) => ({ id, emoji, on }), (message, { emoji, on = true }) => {
      const me = this.#me
      const users = message.reactions[emoji] ?? []
      if (users.includes(me) === on) return message
      const { [emoji]: _, ...rest } = message.reactions
      const left = on ? [...users, me] : users.filter(user => user !== me)
      return { ...message, reactions: left.length > 0 ? { ...rest, [emoji]: left } : rest }
    })
  }

  /** Replaces the words of one's own message, at once. */
  edit (name: ChatName): LiveMutation<{ readonly id: number, readonly text: string }, unknown> {
    return this.#change(name, 'messages.edit', ({ id, text }) => ({ id, text }),
      (message, { text }) => ({ ...message, parts: [{ type: 'text', text }] }))
  }

  /** Empties one's own message, at once. */
  remove (name: ChatName): LiveMutation<{ readonly id: number }, unknown> {
    return this.#change(name, 'messages.delete', ({ id }) => ({ id }),
      message => ({ ...message, parts: [], reactions: {}, is_deleted: true }))
  }

  /** Ends all following. The cached data stays. */
  close (): void {
    this.#bridges.close()
  }

  // ------------------------------------------------------------ live data

  #live<S> (name: string, open: () => Shareable<Shown<S>>): LiveQuery<S> {
    return {
      ...this.#fresh,
      structuralSharing: false,
      queryKey: [KEYS_BEGIN, name] as unknown as DataTag<Key, S>,
      queryFn: async ({ signal }) => await this.#follow(name, open, signal)
    }
  }

  async #follow<S> (name: string, open: () => Shareable<Shown<S>>, signal: AbortSignal): Promise<S> {
    const { shared } = this.#collab
    if (shared.get(name, open).getSnapshot().status === 'ended') shared.renew(name, open)
    return await this.#bridges.follow([KEYS_BEGIN, name], shared.store(name, open), signal)
  }

  // ------------------------------------------------------------ messages

  #pagesOf (name: ChatName): LivePages {
    const held = this.#pages.get(name)
    if (held !== undefined) return held
    const pages: LivePages = new LivePages(name, messagesKey(name), {
      client: this.#collab.client,
      queries: this.#queries,
      bridges: this.#bridges,
      timeoutMs: this.#timeoutMs,
      onIdle: () => { if (this.#pages.get(name) === pages) this.#pages.delete(name) }
    })
    this.#pages.set(name, pages)
    return pages
  }

  /** Shows a change of one message at once; a refusal takes it back. */
  #change<V extends { readonly id: number }> (
    name: ChatName, op: string, args: (variables: V) => object, change: (message: CachedMessage, variables: V) => CachedMessage
  ): LiveMutation<V, unknown> {
    return {
      ...mutation(name, op),
      mutationFn: async variables => await this.#pagesOf(name).write(op, args(variables), {
        apply: pages => withChanged(pages, variables.id, message => change(message, variables)), posts: null, seq: null
      })
    }
  }

  get #me (): string {
    return this.#collab.client.userId ?? ''
  }
}

/** Returns the options of `collab`'s queries and mutations, for this cache. */
export function collabQueries (collab: Collab, queries: QueryClient, options?: CollabQueriesOptions): CollabQueries {
  return new CollabQueries(collab, queries, options)
}

function messagesKey (name: ChatName): DataTag<Key, MessagePages> {
  return [KEYS_BEGIN, name, 'messages'] as unknown as DataTag<Key, MessagePages>
}

function mutation (name: ChatName, op: string): { mutationKey: Key, retry: false, networkMode: 'always' } {
  return { mutationKey: [KEYS_BEGIN, name, op], retry: false, networkMode: 'always' }
}
