/** A server's message, checked before anybody believes it. */

import { Unreadable } from './errors.js'
import type { ServerMessage } from './messages.js'

type Kind = 'integer' | 'text' | 'flag' | 'map' | 'list'
type Shape = Readonly<Record<string, Kind | `${Kind}?`>>

interface Check {
  readonly name: string
  readonly kind: Kind
  readonly mayLack: boolean
  readonly holds: (value: unknown) => boolean
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

const IS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  integer: Number.isSafeInteger,
  text: value => typeof value === 'string',
  flag: value => typeof value === 'boolean',
  map: isMap,
  list: Array.isArray
}

// Field -> its kind; `?` may be absent or null. Fields that we do not know are ignored.
const WORDS: Readonly<Record<ServerMessage['t'], Shape>> = {
  welcome: { session: 'text', user: 'text', now_ms: 'integer', expires_at_ms: 'integer?', keepalive_ms: 'integer' },
  reply: { ref: 'integer', seq: 'integer?' },
  error: { ref: 'integer?', code: 'text', message: 'text', retryable: 'flag?', retry_after_ms: 'integer?', error_id: 'text?' },
  snapshot: { ref: 'integer', target: 'text', epoch: 'text', seq: 'integer', topics: 'map' },
  resumed: { ref: 'integer', target: 'text', epoch: 'text', seq: 'integer' },
  reset: { ref: 'integer', target: 'text', reason: 'text', epoch: 'text', seq: 'integer', topics: 'map' },
  events: { target: 'text', after: 'integer', seq: 'integer', events: 'list' },
  presence: { target: 'text', sessions: 'map', full: 'flag?' },
  ended: { ref: 'integer', target: 'text', code: 'text', message: 'text?', retryable: 'flag?' },
  pong: { n: 'integer' },
  goodbye: { reason: 'text', reconnect_after_ms: 'integer?' }
}
const EVENT = checksOf({
  seq: 'integer', topic: 'text', type: 'text', at_ms: 'integer', by: 'text', data: 'map'
})

const SHAPES: ReadonlyMap<string, readonly Check[]> = new Map(
  Object.entries(WORDS).map(([tag, shape]) => [tag, checksOf(shape)]))

/**
 * Returns `value` as a message of the server.
 *
 * Throws `Unreadable`: it is none. The caller ends the connection.
 */
export function readServerMessage (value: unknown): ServerMessage {
  if (!isMap(value) || typeof value['t'] !== 'string') throw new Unreadable('a message is a map with a tag')
  const tag = value['t']
  const shape = SHAPES.get(tag)
  if (shape === undefined) throw new Unreadable(`no message has the tag ${tag.slice(0, 40)}`)
  check(value, shape, tag)
  if (tag === 'events') {
    for (const event of value['events'] as unknown[]) {
      if (!isMap(event)) throw new Unreadable('an event is a map')
      check(event, EVENT, 'event')
    }
  } else if (tag === 'presence') {
    for (const present of Object.values(value['sessions'] as Record<string, unknown>)) {
      if (present === null) continue
      if (!isMap(present) || typeof present['user'] !== 'string' || !(present['state'] === null || isMap(present['state']))) {
        throw new Unreadable('who is here is a map of user and state, or null')
      }
    }
  }
  return value as unknown as ServerMessage // Every field that we read has just been checked.
}

function checksOf (shape: Shape): readonly Check[] {
  return Object.entries(shape).map(([name, word]) => {
    const kind = word.replace('?', '') as Kind
    return { name, kind, mayLack: word.endsWith('?'), holds: IS[kind] }
  })
}

function check (value: Record<string, unknown>, shape: readonly Check[], tag: string): void {
  for (const { name, kind, mayLack, holds } of shape) {
    const field = value[name]
    if (!holds(field) && !(mayLack && field == null)) throw new Unreadable(`${tag}.${name} is no ${kind}`)
  }
}
