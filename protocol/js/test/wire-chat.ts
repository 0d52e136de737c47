/** A chat of the server in memory: its messages as they are, pages that arrive when a test lets them. */

import type { Message } from '../src/generated/wire.js'
import type { Answering, Log, WireServer } from './wire-server.js'

const PAGE_LEN = 10
type Fields = Record<string, unknown>

/** Holds the truth, moved on by rules of its own: what clients show is compared with it. */
export class WireChat {
  readonly name: string
  readonly messages: Message[] = []
  /** Pages are read at once, and sent by `release`. */
  isHolding = false
  /** Nobody is told what happens: answers overtake events. */
  isQuiet = false
  /** Refuses whatever is written. */
  isClosed = false
  readonly #server: WireServer
  readonly #log: Log
  #held: Array<() => void> = []

  constructor (server: WireServer, name: string) {
    this.name = name
    this.#server = server
    this.#log = server.log(name)
    server.snapshot = () => ({ messages: { ...this.#page(Infinity), leaf: 0 } })
    server.respond = ({ ref, op, args, key }) => this.#answer(ref, op, args as Fields, key ?? '')
  }

  /** How many pages wait for `release`. */
  get held (): number {
    return this.#held.length
  }

  release (): void {
    for (const send of this.#held.splice(0)) send()
  }

  /** Somebody writes; everybody is told. */
  post (text: string, by = 'bob'): number {
    return this.#add('message.posted', { parts: [{ type: 'text', text }] }, by)
  }

  edit (id: number, text: string): void {
    this.#add('message.edited', { id, parts: [{ type: 'text', text }] })
  }

  delete (id: number): void {
    this.#add('message.deleted', { id })
  }

  react (id: number, emoji: string, on: boolean, by = 'bob'): void {
    this.#add('message.reacted', { id, emoji, on }, by)
  }

  /** What everybody wrote so far, as it is now, from message `id` on. */
  since (id: number | undefined): Message[] {
    return structuredClone(this.messages.filter(message => message.id >= (id ?? Infinity)))
  }

  #answer (ref: number, op: string, args: Fields, key: string): Answering {
    if (op === 'messages.page') {
      const value = this.#page((args['before'] as number | null | undefined) ?? Infinity)
      if (!this.isHolding) return { t: 'reply', value, seq: null }
      const [connection] = this.#server.connections
      this.#held.push(() => connection?.send({ t: 'reply', ref, value, seq: null }))
      return null
    }
    if (this.isClosed) return { t: 'error', code: 'conflict', message: '', retryable: false, retry_after_ms: null, error_id: null }
    const known = this.#log.answers.get(key)
    if (known !== undefined) return { t: 'reply', ...known }
    const { text, ...rest } = args
    const fields = text === undefined ? rest : { ...rest, parts: [{ type: 'text', text }] }
    const types: Fields = { 'messages.post': 'message.posted', 'messages.edit': 'message.edited', 'messages.delete': 'message.deleted', 'messages.react': 'message.reacted' }
    const seq = this.#add(types[op] as string, fields, 'ann')
    const answer = { value: { id: seq }, seq }
    this.#log.answers.set(key, answer)
    return { t: 'reply', ...answer }
  }

  #page (before: number): { messages: Message[], more: boolean } {
    const found = this.messages.filter(({ id }) => id < before)
    return { messages: structuredClone(found.slice(-PAGE_LEN)), more: found.length > PAGE_LEN }
  }

  #add (type: string, data: Fields, by = 'bob'): number {
    const one = this.messages.find(({ id }) => id === data['id'])
    if (one?.is_deleted === true) return this.#log.seq // Nobody changes it any more.
    const seq = this.#log.add('messages', data, type, by)
    if (type === 'message.posted') {
      this.messages.push({
        id: seq, author: by, role: 'user', parts: data['parts'] as Message['parts'], at_ms: 0, parent: 0, reply_to: null, group_id: null, model: null, edited_ms: null, edits: [], reactions: {}, is_deleted: false, n: this.messages.length + 1
      })
    } else if (one !== undefined && type === 'message.edited') {
      Object.assign(one, { parts: data['parts'], edited_ms: 0, edits: [...one.edits, seq] })
    } else if (one !== undefined && type === 'message.deleted') {
      Object.assign(one, { parts: [], reactions: {}, is_deleted: true })
    } else if (one !== undefined) {
      const emoji = data['emoji'] as string
      const users = (one.reactions[emoji] ?? []).filter(user => user !== by)
      delete one.reactions[emoji]
      if (data['on'] === true) users.push(by)
      if (users.length > 0) one.reactions[emoji] = users
    }
    if (!this.isQuiet) this.#server.publish(this.name)
    return seq
  }
}
