/** How a client is opened, and what it hands out: meetings, chats, one's own list. */

import { Client, type ClientOptions } from './client.js'
import { json, msgpack } from './codec.js'
import { ClientClosed } from './errors.js'
import type { Kind, TopicOf } from './generated/wire.js'
import { type ListShown, loadList, reduceList } from './list-shown.js'
import { TranscriptView } from './lines.js'
import { loadMeeting, type MeetingShown, reduceMeeting } from './meeting-shown.js'
import { MessagesView } from './posting.js'
import type { PresenceView } from './presence.js'
import { SharedViews } from './sharing.js'
import { Target } from './target.js'
import type { View } from './view.js'

/** How `connect` opens a client. */
export interface ConnectOptions extends Omit<ClientOptions, 'codec'> {
  /** MessagePack by default. */
  readonly encoding?: 'msgpack' | 'json' | undefined
}

/**
 * Opens a client of the server at `url`: `http:`, `https:`, `ws:` or `wss:`; without a path it means `/v1`.
 *
 *     const collab = connect('http://127.0.0.1:8787', { token: 'dev:ann' })
 *     const messages = collab.meeting('m1').messages()
 *     await messages.post('hi')
 *
 * Throws `TypeError`: no such address, or no WebSocket here; `RangeError`: a bound without room.
 */
export function connect (url: string, { encoding = 'msgpack', ...options }: ConnectOptions): Collab {
  return new Collab(new Client(wireAddress(url), { ...options, codec: encoding === 'json' ? json : msgpack }))
}

/** Returns the WebSocket address of the server at `url`; a path that is given stays. Throws `TypeError`. */
export function wireAddress (url: string): string {
  const address = new URL(url)
  const protocol = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[address.protocol]
  if (protocol === undefined) throw new TypeError(`${url} is not an http or ws address`)
  const path = address.pathname === '/' ? '/v1' : address.pathname
  return `${protocol}//${address.host}${path}${address.search}`
}

/** A client of one server. What it hands out costs nothing until it is used. */
export class Collab {
  readonly client: Client
  /** Views that several parts of a page share. */
  readonly shared = new SharedViews()

  constructor (client: Client) {
    this.client = client
  }

  /** The meeting with this key, whether it exists or not. */
  meeting (key: string): Meeting {
    return new Meeting(this.client, 'meeting', key)
  }

  /** The chat with this key, whether it exists or not. */
  chat (key: string): Chat {
    return new Chat(this.client, 'chat', key)
  }

  /** A target of any kind that the server has. */
  target<K extends Kind> (kind: K, key: string): Target<K> {
    return new Target(this.client, kind, key)
  }

  /** One's own list, once the server has said who one is. Rejects with `ConnectFailed`, `ClientClosed`. */
  async me (): Promise<Me> {
    const userId = this.client.userId ?? (await this.client.live()).userId
    if (userId === null) throw new ClientClosed()
    return new Me(this.client, 'user', userId)
  }

  /** Closes everything; see `Client.close`. */
  async close (): Promise<void> {
    this.shared.close()
    await this.client.close()
  }
}

/** A meeting: its life, its people, what is said, written and noted down in it. */
export class Meeting extends Target<'meeting'> {
  /** Its state and people, live. Close it. */
  room (): View<MeetingShown> {
    return this.view({ topics: ['state', 'participants'], load: loadMeeting, reduce: reduceMeeting })
  }

  /** Its messages, live, with optimistic writes. Close it. */
  messages (): MessagesView {
    return new MessagesView(this.client, this.name)
  }

  /** Who is here. Close it. */
  override presence (beside: TopicOf<'meeting'> = 'state'): PresenceView {
    return super.presence(beside)
  }

  /** What is said, live. Close it. */
  transcript (): TranscriptView {
    return new TranscriptView(this.client, this.name)
  }
}

/** A chat: its settings, its members, its messages. */
export class Chat extends Target<'chat'> {
  /** Who is here. Close it. */
  override presence (beside: TopicOf<'chat'> = 'state'): PresenceView {
    return super.presence(beside)
  }

  /** Its messages, live, with optimistic writes. Close it. */
  messages (): MessagesView {
    return new MessagesView(this.client, this.name)
  }
}

/** What is one's own: nobody else may read or change it. */
export class Me extends Target<'user'> {
  /** One's meetings and chats, live. Close it. */
  list (): View<ListShown> {
    return this.view({ topics: ['list'], load: loadList, reduce: reduceList })
  }
}
