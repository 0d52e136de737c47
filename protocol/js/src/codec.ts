/** Messages <-> frames, in both encodings; what nobody could read is refused before it is sent. */

import { toBase64 } from './bytes.js'
import { Unreadable } from './errors.js'
import { NESTING_MAX } from './limits.js'
import type { ClientMessage, ServerMessage } from './messages.js'
import { pack, unpack } from './msgpack.js'
import { readServerMessage } from './reading.js'

/** A frame: text for JSON, bytes for MessagePack. */
export type Payload = string | Uint8Array

/** One of the two encodings of the wire. */
export interface Codec {
  readonly subprotocol: string
  encode: (message: ClientMessage) => Payload
  /** Throws `Unreadable`. */
  decode: (payload: string | ArrayBuffer) => ServerMessage
}

/** Text frames; bytes are base64. For people who look at the wire, and where every byte of code counts. */
export const json: Codec = {
  subprotocol: 'collab.v1.json',
  encode: message => JSON.stringify(message, bytesAsText),
  decode: payload => {
    if (typeof payload !== 'string') throw new Unreadable('a binary frame in a JSON session')
    let value: unknown
    try {
      value = JSON.parse(payload)
    } catch {
      throw new Unreadable('not JSON')
    }
    return readServerMessage(value)
  }
}

/** Looks at what is there itself: a `Buffer` of Node has turned itself into something else in `value`. */
function bytesAsText (this: Record<string, unknown>, name: string, value: unknown): unknown {
  const own = this[name]
  return own instanceof Uint8Array ? toBase64(own) : value
}

/** Binary frames; bytes are bytes. */
export const msgpack: Codec = {
  subprotocol: 'collab.v1.msgpack',
  encode: message => pack(message),
  decode: payload => {
    if (typeof payload === 'string') throw new Unreadable('a text frame in a MessagePack session')
    return readServerMessage(unpack(new Uint8Array(payload)))
  }
}

/** Returns how many bytes `payload` has on the wire. */
export function sizeOf (payload: Payload): number {
  return typeof payload === 'string' ? new TextEncoder().encode(payload).length : payload.length
}

const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Checks that the wire can carry `value`; what it cannot carry would be answered by nobody.
 *
 * Throws `TypeError` for what is no plain data, `RangeError` for numbers and nesting beyond bounds.
 */
export function checkPlain (value: unknown, depth = 3): void {
  if (value === null || value === undefined || typeof value === 'boolean') return
  if (typeof value === 'string') return checkText(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      throw new RangeError(`the wire cannot carry the number ${value}`)
    }
    return
  }
  if (typeof value !== 'object') throw new TypeError(`the wire cannot carry a ${typeof value}`)
  if (value instanceof Uint8Array) return
  if (depth > NESTING_MAX) throw new RangeError(`nested deeper than ${NESTING_MAX}`)
  if (Array.isArray(value)) {
    for (const item of value) {
      if (item === undefined) throw new TypeError('a list with a hole')
      checkPlain(item, depth + 1)
    }
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError('the wire carries plain objects, lists and Uint8Array only')
  }
  for (const [name, field] of Object.entries(value)) {
    checkText(name)
    checkPlain(field, depth + 1)
  }
}

/** Throws `TypeError` for a text that no server reads: half a character, or NUL. */
export function checkText (text: string): void {
  if (text.includes('\0') || LONE_SURROGATE.test(text)) {
    throw new TypeError('the wire cannot carry NUL or half of a character')
  }
}
