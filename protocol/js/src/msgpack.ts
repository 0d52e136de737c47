/**
 * MessagePack, as much of it as the wire has: null, booleans, numbers, text, bytes, lists, maps with
 * texts as keys. Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * Of our own because of what comes in: other people's maps may have any key, and the libraries
 * refuse a whole frame for `__proto__` (one participant could cut off all others) or try `eval`,
 * which a strict content security policy reports.
 */

import { Unreadable } from './errors.js'

const DEPTH_MAX = 64 // Servers nest up to 16 and an envelope; whatever is deeper is not theirs.
const SHORT_TEXT_BYTES = 64 // Below, a loop is quicker than a call of the decoder or the encoder.

const TEXT_ENCODER = new TextEncoder()
const TEXT_DECODER = new TextDecoder('utf-8', { fatal: true })

/** Returns `value` as MessagePack; `checkPlain` says what it may be. Fields of undefined are left out. */
export function pack (value: unknown): Uint8Array {
  const writer = new Writer()
  writer.value(value)
  return writer.taken()
}

/** Returns what `bytes` hold. Throws `Unreadable`. Byte fields are views of `bytes`. */
export function unpack (bytes: Uint8Array): unknown {
  const reader = new Reader(bytes)
  try {
    const value = reader.value(0)
    if (!reader.isAtEnd) throw new Unreadable('MessagePack with something behind it')
    return value
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new Unreadable('not MessagePack')
    throw error
  }
}

class Writer {
  #bytes = new Uint8Array(512)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  taken (): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  value (value: unknown): void {
    switch (typeof value) {
      case 'string': return this.#text(value)
      case 'number': return this.#number(value)
      case 'boolean': return this.#byte(value ? 0xc3 : 0xc2)
      case 'undefined': return this.#byte(0xc0)
      case 'object': break
      default: throw new TypeError(`MessagePack has no ${typeof value}`)
    }
    if (value === null) this.#byte(0xc0)
    else if (value instanceof Uint8Array) this.#binary(value)
    else if (Array.isArray(value)) this.#list(value)
    else this.#map(value)
  }

  #text (text: string): void {
    if (text.length < SHORT_TEXT_BYTES && this.#shortText(text)) return
    const bytes = TEXT_ENCODER.encode(text)
    if (bytes.length < 32) this.#byte(0xa0 | bytes.length)
    else this.#head(bytes.length, 0xd9, 0xda, 0xdb)
    this.#raw(bytes)
  }

  /** Writes a short text if it is ASCII; returns whether it was. */
  #shortText (text: string): boolean {
    const size = text.length
    this.#room(2 + size)
    let at = this.#at
    if (size < 32) {
      this.#bytes[at++] = 0xa0 | size
    } else {
      this.#bytes[at++] = 0xd9
      this.#bytes[at++] = size
    }
    for (let n = 0; n < size; n++) {
      const unit = text.charCodeAt(n)
      if (unit >= 0x80) return false // What was written is written over.
      this.#bytes[at++] = unit
    }
    this.#at = at
    return true
  }

  #number (value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.#room(9)
      this.#bytes[this.#at] = 0xcb
      this.#view.setFloat64(this.#at + 1, value)
      this.#at += 9
    } else if (value >= 0) {
      if (value < 0x80) this.#byte(value)
      else if (value <= 0xffffffff) this.#head(value, 0xcc, 0xcd, 0xce)
      else this.#wide(0xcf, value)
    } else if (value >= -32) {
      this.#byte(0x100 + value)
    } else {
      this.#wide(0xd3, value) // Rare: longer than it need be, and valid.
    }
  }

  #wide (tag: number, value: number): void {
    this.#room(9)
    this.#bytes[this.#at] = tag
    this.#view.setBigInt64(this.#at + 1, BigInt(value))
    this.#at += 9
  }

  #binary (bytes: Uint8Array): void {
    this.#head(bytes.length, 0xc4, 0xc5, 0xc6)
    this.#raw(bytes)
  }

  #list (items: readonly unknown[]): void {
    if (items.length < 16) this.#byte(0x90 | items.length)
    else this.#head(items.length, 0, 0xdc, 0xdd)
    for (const item of items) this.value(item)
  }

  #map (fields: object): void {
    const entries = Object.entries(fields as Record<string, unknown>).filter(([, field]) => field !== undefined)
    if (entries.length < 16) this.#byte(0x80 | entries.length)
    else this.#head(entries.length, 0, 0xde, 0xdf)
    for (const [name, field] of entries) {
      this.#text(name)
      this.value(field)
    }
  }

  /** Writes a tag and a length or number; tag 0: there is no form of one byte. */
  #head (count: number, one: number, two: number, four: number): void {
    this.#room(5)
    if (count < 0x100 && one !== 0) {
      this.#bytes[this.#at] = one
      this.#bytes[this.#at + 1] = count
      this.#at += 2
    } else if (count < 0x10000) {
      this.#bytes[this.#at] = two
      this.#view.setUint16(this.#at + 1, count)
      this.#at += 3
    } else {
      this.#bytes[this.#at] = four
      this.#view.setUint32(this.#at + 1, count)
      this.#at += 5
    }
  }

  #byte (value: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = value
  }

  #raw (bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #room (count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + count))
    grown.set(this.#bytes)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor (bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd (): boolean {
    return this.#at === this.#bytes.length
  }

  value (depth: number): unknown {
    if (depth > DEPTH_MAX) throw new Unreadable('MessagePack nested too deeply')
    const tag = this.#uint(1)
    if (tag < 0x80) return tag
    if (tag < 0x90) return this.#map(tag & 0x0f, depth)
    if (tag < 0xa0) return this.#list(tag & 0x0f, depth)
    if (tag < 0xc0) return this.#text(tag & 0x1f)
    if (tag >= 0xe0) return tag - 0x100
    switch (tag) {
      case 0xc0: return null
      case 0xc2: return false
      case 0xc3: return true
      case 0xc4: return this.#take(this.#uint(1))
      case 0xc5: return this.#take(this.#uint(2))
      case 0xc6: return this.#take(this.#uint(4))
      case 0xca: return this.#skip(4, at => this.#view.getFloat32(at))
      case 0xcb: return this.#skip(8, at => this.#view.getFloat64(at))
      case 0xcc: return this.#uint(1)
      case 0xcd: return this.#uint(2)
      case 0xce: return this.#uint(4)
      case 0xcf: return this.#skip(8, at => Number(this.#view.getBigUint64(at)))
      case 0xd0: return this.#skip(1, at => this.#view.getInt8(at))
      case 0xd1: return this.#skip(2, at => this.#view.getInt16(at))
      case 0xd2: return this.#skip(4, at => this.#view.getInt32(at))
      case 0xd3: return this.#skip(8, at => Number(this.#view.getBigInt64(at)))
      case 0xd9: return this.#text(this.#uint(1))
      case 0xda: return this.#text(this.#uint(2))
      case 0xdb: return this.#text(this.#uint(4))
      case 0xdc: return this.#list(this.#uint(2), depth)
      case 0xdd: return this.#list(this.#uint(4), depth)
      case 0xde: return this.#map(this.#uint(2), depth)
      case 0xdf: return this.#map(this.#uint(4), depth)
      default: throw new Unreadable(`MessagePack of a kind that the wire has not: ${tag}`)
    }
  }

  #uint (bytes: 1 | 2 | 4): number {
    const at = this.#at
    this.#at += bytes
    if (bytes === 1) return this.#view.getUint8(at) // A RangeError at the end.
    return bytes === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at)
  }

  #skip (count: number, read: (at: number) => number): number {
    const value = read(this.#at)
    this.#at += count
    return value
  }

  #take (count: number): Uint8Array {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new Unreadable('MessagePack that ends too early')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  #text (count: number): string {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new Unreadable('MessagePack that ends too early')
    if (count < SHORT_TEXT_BYTES) {
      let text = ''
      let at = this.#at
      for (; at < end; at++) {
        const byte = this.#bytes[at] as number
        if (byte >= 0x80) break
        text += String.fromCharCode(byte)
      }
      if (at === end) {
        this.#at = end
        return text
      }
    }
    return TEXT_DECODER.decode(this.#take(count))
  }

  #list (count: number, depth: number): unknown[] {
    const items: unknown[] = [] // Not of `count`: that is only what the sender says.
    for (let n = 0; n < count; n++) items.push(this.value(depth + 1))
    return items
  }

  #map (count: number, depth: number): Record<string, unknown> {
    const fields: Record<string, unknown> = {}
    for (let n = 0; n < count; n++) {
      const name = this.value(depth + 1)
      if (typeof name !== 'string') throw new Unreadable('a key of a map is a text')
      const field = this.value(depth + 1)
      if (name === '__proto__') {
        // A field like any other, as in JSON.parse; by assignment it would be the prototype.
        Object.defineProperty(fields, name, { value: field, enumerable: true, writable: true, configurable: true })
      } else {
        fields[name] = field
      }
    }
    return fields
  }
}
