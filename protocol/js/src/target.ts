/** What every target has: commands, queries, following, presence, views; typed by its kind. */

import type { AskOptions, Client, FollowOptions } from './client.js'
import type { Follower } from './follower.js'
import type { AnswerTo, ArgsOf, CommandOf, EventIn, Kind, QueryOf, SnapshotOf, TopicOf } from './generated/wire.js'
import type { PresenceItem, SnapshotItem } from './items.js'
import { PresenceView } from './presence.js'
import { View, type ViewShape } from './view.js'

/** Arguments, which may be left out where all of them may. */
type Args<A> = {} extends A ? [args?: A, options?: AskOptions] : [args: A, options?: AskOptions]

/** What a follower of topics `T` is handed. */
export type ItemOf<K extends Kind, T extends TopicOf<K>> =
  | (Omit<SnapshotItem, 'topics'> & { readonly topics: { readonly [P in T]: SnapshotOf<K, P> } })
  | ({ readonly kind: 'event' } & EventIn<K, T>)
  | PresenceItem

/** One thing that lives on the server, whether it exists yet or not. It costs nothing. */
export class Target<K extends Kind = Kind> {
  readonly client: Client
  readonly name: `${K}:${string}`

  constructor (client: Client, kind: K, key: string) {
    this.client = client
    this.name = `${kind}:${key}`
  }

  /** Performs a command, once; resolves with its answer. Rejects as `Client.ask`. */
  async do<O extends CommandOf<K>> (op: O, ...[args, options]: Args<ArgsOf<K, O>>): Promise<AnswerTo<K, O>> {
    return await this.client.call(this.name, op, args as object | undefined, options) as AnswerTo<K, O>
  }

  /** Asks a query. Rejects as `Client.ask`. Aborted: nothing happened. */
  async look<O extends QueryOf<K>> (op: O, ...[args, options]: Args<ArgsOf<K, O>>): Promise<AnswerTo<K, O>> {
    return await this.client.call(this.name, op, args as object | undefined, { ...options, isRead: true }) as AnswerTo<K, O>
  }

  /** Follows topics; for who is here, name `presence` among them. Throws as `Client.follow`. */
  follow<T extends TopicOf<K>> (topics: ReadonlyArray<T | 'presence'>, options?: FollowOptions): Follower<ItemOf<K, T>> {
    return this.client.follow(this.name, topics, options) as unknown as Follower<ItemOf<K, T>>
  }

  /** Follows topics as one state with optimistic writes. Close it. Throws as `Client.follow`. */
  view<S> (shape: ViewShape<S>): View<S> {
    return new View(this.client, this.name, shape)
  }

  /** Watches who is here, which the server shows beside another topic. Close it. Throws as `Client.follow`. */
  presence (beside: TopicOf<K>): PresenceView {
    return new PresenceView(this.client, this.name, beside)
  }
}
