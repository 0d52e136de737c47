/** Both encodings, and what others may put into them. */

import { Decoder, encode } from '@msgpack/msgpack'
import { describe, expect, it } from 'vitest'
import { asBytes, fromBase64, toBase64 } from '../src/bytes.js'
import { json, msgpack } from '../src/codec.js'
import { Unreadable } from '../src/errors.js'
import { pack, unpack } from '../src/msgpack.js'
import { seeded } from './clients.js'

const decoder = new Decoder({ rawStrings: false })
const ROUND = [
  null, true, false, 0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1, -32, -33, -128,
  -32_768, -(2 ** 31), -(2 ** 53) + 1, 0.5, -1e300, '', 'a', 'x'.repeat(31), 'x'.repeat(32), 'ü'.repeat(300),
  '🎉'.repeat(20_000), [], [1, [2, [3]]], Array.from({ length: 20 }, (_, n) => n), Array.from({ length: 70_000 }, () => 1),
  {}, { a: { b: [null] } }, Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, n]))
]

describe('[JS4.1] MessagePack', () => {
  it('writes what a reference library reads, and reads what it writes', () => {
    for (const value of ROUND) {
      expect(decoder.decode(pack(value))).toEqual(value)
      expect(unpack(encode(value))).toEqual(value)
      expect(unpack(pack(value))).toEqual(value)
    }
    const bytes = Uint8Array.from({ length: 70_000 }, (_, n) => n % 256)
    for (const size of [0, 1, 255, 256, 65_536, 70_000]) expect(unpack(pack(bytes.subarray(0, size)))).toEqual(bytes.subarray(0, size))
  })

  it('takes maps with any key, and changes no prototype', () => {
    const hostile = pack(JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'))
    const read = unpack(hostile) as Record<string, unknown>
    expect(Object.keys(read)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('refuses anything else with one kind of error (seeds 1 to 2000)', () => {
    const whole = pack({ t: 'reply', ref: 1, value: { text: 'ü'.repeat(40), list: [1, 2, { a: null }] }, seq: 2 ** 40 })
    for (let seed = 1; seed <= 2_000; seed++) {
      const random = seeded(seed)
      const bytes = whole.slice(0, Math.ceil(random() * whole.length))
      for (let n = random() * 4; n > 0; n--) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      try {
        msgpack.decode(bytes.buffer)
      } catch (error) {
        expect(error, `seed ${seed}`).toBeInstanceOf(Unreadable)
      }
    }
    expect(() => unpack(new Uint8Array(100_000).fill(0x91))).toThrow(Unreadable)
    expect(() => unpack(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff))).toThrow(Unreadable)
    expect(() => unpack(Uint8Array.of(0xc1))).toThrow(Unreadable)
  })
})

it('[JS4.2] both encodings carry the same messages; bytes are base64 in JSON', () => {
  const message = { t: 'call', ref: 1, target: 'meeting:1', op: 'notes.edit', args: { update: Uint8Array.of(0, 255, 3) } } as const
  expect(JSON.parse(json.encode(message) as string)).toEqual({ ...message, args: { update: 'AP8D' } })
  expect(decoder.decode(msgpack.encode(message) as Uint8Array)).toEqual(message)
  const buffers = { ...message, args: { update: Buffer.of(0, 255, 3) } }
  expect(json.encode(buffers)).toEqual(json.encode(message))
  expect(msgpack.encode(buffers)).toEqual(msgpack.encode(message))
  const large = Uint8Array.from({ length: 100_000 }, (_, n) => n % 251)
  expect(fromBase64(toBase64(large))).toEqual(large)
  expect(asBytes('AP8D')).toEqual(Uint8Array.of(0, 255, 3))
  expect(() => asBytes(3)).toThrow(TypeError)
})

it('[JS4.3] a message is checked before it is believed; fields that we do not know are ignored', () => {
  const decode = (value: unknown): unknown => json.decode(JSON.stringify(value))
  const pong = { t: 'pong', n: 1, more: { of: 'it' } }
  expect(decode(pong)).toEqual(pong)
  for (const wrong of [
    [], 'pong', null, {}, { t: 1 }, { t: 'toString' }, { t: 'pong' }, { t: 'pong', n: '1' }, { t: 'pong', n: 1.5 },
    { t: 'snapshot', ref: 1, target: 'a:b', epoch: 'e', seq: 1, topics: [] },
    { t: 'events', target: 'a:b', after: 0, seq: 1, events: [{ seq: 1 }] },
    { t: 'presence', target: 'a:b', sessions: { s: { user: 'a' } } }, { t: 'error', code: 'x', message: 'y', retryable: 'no' }
  ]) expect(() => decode(wrong), JSON.stringify(wrong)).toThrow(Unreadable)
  expect(() => json.decode('{')).toThrow(Unreadable)
  expect(() => json.decode(new ArrayBuffer(1))).toThrow(Unreadable)
  expect(() => msgpack.decode('{}')).toThrow(Unreadable)
})
