/** Calls, from question to answer. */

import { expect, it } from 'vitest'
import { CallAbandoned, CallFailed, ClientClosed, LimitExceeded } from '../src/errors.js'
import { CALLS_IN_FLIGHT_MAX } from '../src/limits.js'
import { json, msgpack } from '../src/codec.js'
import { open, pass, withVirtualTime } from './clients.js'
import { WireServer } from './wire-server.js'

withVirtualTime()

it.each([json, msgpack])('[JS1.1] a call resolves with its value and the seq after it', async codec => {
  const server = new WireServer(codec)
  const answer = open(server).ask('log:1', 'add', { n: 7 })
  await pass()
  expect(await answer).toEqual({ value: 7, seq: 1 })
})

it('[JS1.2] a refusal is a typed error, and the client goes on', async () => {
  const server = new WireServer()
  server.respond = () => ({
    t: 'error', code: 'conflict', message: 'no', retryable: false, retry_after_ms: null, error_id: null
  })
  const client = open(server)
  const refused = client.call('log:1', 'other').catch((error: unknown) => error)
  const done = client.call('log:1', 'add', { n: 1 })
  await pass()
  expect(await refused).toBeInstanceOf(CallFailed)
  expect(await refused).toMatchObject({ code: 'conflict', message: 'no', retryable: false })
  expect(await done).toBe(1)
})

it('[JS1.3] what may be tried again is, with its key, not before retry_after_ms', async () => {
  const server = new WireServer()
  const at: number[] = []
  server.respond = () => {
    at.push(performance.now())
    return at.length === 3
      ? { t: 'reply', value: 'done', seq: null }
      : { t: 'error', code: 'overloaded', message: '', retryable: true, retry_after_ms: 1_000, error_id: null }
  }
  const done = open(server).call('log:1', 'other')
  await pass(10_000)
  expect(await done).toBe('done')
  expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(1_000)
  expect(new Set(server.messages('call').map(call => call.key)).size).toBe(1)
})

it('[JS1.4] at its deadline a call is abandoned and cancelled', async () => {
  const server = new WireServer()
  server.respond = () => null
  const abandoned = open(server).call('log:1', 'other', {}, { timeoutMs: 500 }).catch((error: unknown) => error)
  await pass(1_000)
  expect(await abandoned).toBeInstanceOf(CallAbandoned)
  expect(server.messages('cancel')).toEqual([{ t: 'cancel', ref: server.messages('call')[0]!.ref }])
})

it('[JS1.5] an abort rejects with its reason; the server is told of what was sent and of nothing else', async () => {
  const server = new WireServer()
  server.respond = () => null
  const client = open(server)
  const abort = new AbortController()
  const early = client.call('log:1', 'other', {}, { signal: AbortSignal.abort('early') }).catch((error: unknown) => error)
  const late = client.call('log:1', 'other', {}, { signal: abort.signal }).catch((error: unknown) => error)
  await pass()
  abort.abort('late')
  await pass()
  expect(await early).toBe('early')
  expect(await late).toBe('late')
  expect(server.messages('call')).toHaveLength(1)
  expect(server.messages('cancel')).toHaveLength(1)
  expect(client.connection.getSnapshot().unsent).toBe(0)
})

it('[JS1.6] calls leave in order, within a window', async () => {
  const server = new WireServer()
  server.respond = () => null
  const client = open(server)
  const count = CALLS_IN_FLIGHT_MAX + 10
  for (let n = 0; n < count; n++) client.call('log:1', 'other', { n }).catch(() => {})
  await pass()
  expect(server.messages('call').map(call => call.args?.['n'])).toEqual(Array.from({ length: CALLS_IN_FLIGHT_MAX }, (_, n) => n))
  server.respond = () => ({ t: 'reply', value: null, seq: null })
  server.cut()
  await pass(5_000)
  const again = server.messages('call').slice(CALLS_IN_FLIGHT_MAX).map(call => call.args?.['n'])
  expect(again).toEqual(Array.from({ length: count }, (_, n) => n))
})

it('[JS1.7] one call more than the queue holds is refused at once, and no other is lost', async () => {
  const server = new WireServer()
  server.isUp = false
  const client = open(server, { offlineQueueMax: 2 })
  const kept = [client.call('log:1', 'add', { n: 1 }), client.call('log:1', 'add', { n: 2 })]
  await expect(client.call('log:1', 'add', { n: 3 })).rejects.toThrow(LimitExceeded)
  server.isUp = true
  await pass(5_000)
  expect(await Promise.all(kept)).toEqual([1, 2])
})

it.each([json, msgpack])('[JS1.8] what nobody can send is refused at once and costs nothing', async codec => {
  const server = new WireServer(codec)
  const client = open(server)
  const deep = (levels: number): object => levels === 0 ? {} : { in: deep(levels - 1) }
  for (const args of [{ f: () => 1 }, { n: NaN }, { n: 2 ** 53 }, { t: '\ud800' }, { t: '\0' }, { d: new Date() }, deep(20), { list: [undefined] }]) {
    await expect(client.call('log:1', 'add', args)).rejects.toThrow(/carry|deep|hole|plain/)
  }
  await expect(client.call('log:1', 'add', { t: 'x'.repeat(2 ** 20) })).rejects.toThrow(LimitExceeded)
  await expect(client.call('x'.repeat(200), 'add')).rejects.toThrow(RangeError)
  const done = client.call('log:1', 'add', { n: 1 })
  await pass()
  expect(await done).toBe(1)
  expect(server.messages('call')).toHaveLength(1)
})

it('[JS1.9] when the client closes, sent calls are abandoned and others were never sent', async () => {
  const server = new WireServer()
  server.respond = () => null
  const client = open(server)
  await pass()
  const sent = client.call('log:1', 'other').catch((error: unknown) => error)
  await pass()
  server.isUp = false
  server.cut()
  const unsent = client.call('log:1', 'other').catch((error: unknown) => error)
  void client.close()
  await pass()
  expect(await sent).toBeInstanceOf(CallAbandoned)
  expect(await unsent).toBeInstanceOf(ClientClosed)
  await expect(client.call('log:1', 'other')).rejects.toThrow(ClientClosed)
})

it('[JS1.10] after rate_limited all waiting calls slow down together', async () => {
  const server = new WireServer()
  const at: number[] = []
  server.respond = () => {
    at.push(performance.now())
    return at.length === 1
      ? { t: 'error', code: 'rate_limited', message: '', retryable: true, retry_after_ms: 500, error_id: null }
      : { t: 'reply', value: null, seq: null }
  }
  const client = open(server)
  await pass()
  const first = client.call('log:1', 'other')
  await pass(10)
  const rest = Array.from({ length: 45 }, async () => await client.call('log:1', 'other'))
  await pass(2_000)
  await Promise.all([first, ...rest])
  expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(490)
  expect(at.at(-1)! - at[1]!).toBeGreaterThanOrEqual(90) // 45 calls at 450 a second.
})
