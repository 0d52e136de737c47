/** The messages of one target, live: one's own writes show at once, and go if they are refused. */

import type { AskOptions, Client } from './client.js'
import type { Message, MessagePostedAs, MessagesPage } from './generated/wire.js'
import * as shown from './messages-shown.js'
import type { MessagesShown, Part } from './messages-shown.js'
import { View, type ViewShape } from './view.js'

/** A text, or parts. */
export type Content = string | readonly Part[]

/** How a message is posted. */
export interface PostOptions extends AskOptions {
  readonly replyTo?: number | null | undefined
}

/** Live messages with optimistic writes. Close it. The constructor throws what `Client.follow` throws. */
export class MessagesView extends View<MessagesShown> {
  readonly #client: Client
  readonly #target: string

  constructor (client: Client, target: string) {
    super(client, target, shapeFor(client))
    this.#client = client
    this.#target = target
  }

  /**
   * Shows the page before the oldest message, too; nothing if there is none. What happens to those
   * messages is shown from then on. Pressed twice, it is one page. Rejects as `Client.ask`; nothing has
   * changed then.
   */
  async loadOlder (options: AskOptions = {}): Promise<void> {
    await this.extend<MessagesPage>(
      async ({ messages: [oldest], more }) => !more || oldest === undefined
        ? { messages: [], more: false }
        : await this.#client.call(this.#target, 'messages.page', { before: oldest.id }, { ...options, isRead: true }) as MessagesPage,
      (now, page, asked, meanwhile) => {
        // What has fallen off meanwhile is between the two.
        const oldest = now.messages[0]?.id ?? Infinity
        const older = [...page.messages, ...asked.messages.filter(({ id }) => id < oldest)]
        const changes = meanwhile.filter(({ type }) => type !== 'message.posted')
        const { messages } = changes.reduce(shown.reduceMessages, { messages: older, more: page.more, leaf: 0 })
        return shown.preceded(now, messages, page.more)
      })
  }

  /** Shows a message at once and posts it. Rejects as `Client.ask`; the message then shows no more. */
  async post (content: Content, { replyTo = null, ...options }: PostOptions = {}): Promise<MessagePostedAs> {
    const message = {
      ...shown.blank(this.#me, Date.now()), parts: partsOf(content), reply_to: replyTo, isPending: true
    }
    const args = { ...contentArgs(content), ...(replyTo === null ? {} : { reply_to: replyTo }) }
    return await this.mutate('messages.post', args, state => shown.appended(state, message), options) as MessagePostedAs
  }

  /** Shows a message's new words at once, and edits it. Rejects as `post`. */
  async edit (id: number, content: Content, options?: AskOptions): Promise<void> {
    const now = Date.now()
    await this.mutate('messages.edit', { id, ...contentArgs(content) },
      state => shown.edited(state, id, partsOf(content), now), options)
  }

  /** Shows a message as deleted at once, and deletes it. Rejects as `post`. */
  async delete (id: number, options?: AskOptions): Promise<void> {
    await this.mutate('messages.delete', { id }, state => shown.deleted(state, id), options)
  }

  /** Shows one's own reaction at once, and puts it there, or takes it back. Rejects as `post`. */
  async react (id: number, emoji: string, on = true, options?: AskOptions): Promise<void> {
    const me = this.#me
    await this.mutate('messages.react', { id, emoji, on }, state => shown.reacted(state, id, emoji, me, on), options)
  }

  get #me (): string {
    return this.#client.userId ?? ''
  }
}

function shapeFor (client: Client): ViewShape<MessagesShown> {
  return {
    topics: ['messages'],
    load: shown.loadMessages,
    reduce: shown.reduceMessages,
    // A posted event is the pending post: ours, and with the same words.
    settles: (event, { op, args }) => op === 'messages.post' && event.type === 'message.posted' &&
      event.by === client.userId && isSame(event.data['parts'] as Part[], args as ContentArgs)
  }
}

interface ContentArgs { readonly text?: string, readonly parts?: readonly Part[] }

function contentArgs (content: Content): ContentArgs {
  return typeof content === 'string' ? { text: content } : { parts: content }
}

function partsOf (content: Content): Message['parts'] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : [...content]
}

function isSame (parts: Message['parts'], { text, parts: sent }: ContentArgs): boolean {
  const expected = sent ?? partsOf(text ?? '')
  return parts.length === expected.length &&
    parts.every((part, n) => Object.entries(expected[n] as Part).every(([name, field]) =>
      JSON.stringify(field) === JSON.stringify((part as unknown as Record<string, unknown>)[name])))
}
