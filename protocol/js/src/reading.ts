/** A server's message, checked before anybody believes it. */

import { Unreadable } from './errors.js'
import type { ServerMessage } from './messages.js'

type Kind = 'integer' | 'text' | 'flag' | 'map' | 'list'

// Field -> its kind; `?` may be absent or null. Fields that we do not know are ignored.
const SHAPES: Readonly<Record<ServerMessage['t'], Readonly<Record<string, Kind | `${Kind}?`>>>> = {
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
const EVENT: Readonly<Record<string, Kind>> = {
  seq: 'integer', topic: 'text', type: 'text', at_ms: 'integer', by: 'text', data: 'map'
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

/**
 * Returns `value` as a message of the server.
 *
 * Throws `Unreadable`: it is none. The caller ends the connection.
 */
export function readServerMessage (value: unknown): ServerMessage {
  if (!isMap(value) || typeof value['t'] !== 'string') throw new Unreadable('a message is a map with a tag')
  const tag = value['t']
  if (!Object.hasOwn(SHAPES, tag)) throw new Unreadable(`no message has the tag ${tag.slice(0, 40)}`)
  const shape = SHAPES[tag as ServerMessage['t']]
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

function check (value: Record<string, unknown>, shape: Readonly<Record<string, string>>, tag: string): void {
  for (const [name, wanted] of Object.entries(shape)) {
    const field = value[name]
    if (wanted.endsWith('?')) {
      if (field !== undefined && field !== null && !IS[wanted.slice(0, -1) as Kind](field)) {
        throw new Unreadable(`${tag}.${name} is no ${wanted.slice(0, -1)}`)
      }
    } else if (!IS[wanted as Kind](field)) {
      throw new Unreadable(`${tag}.${name} is no ${wanted}`)
    }
  }
}
