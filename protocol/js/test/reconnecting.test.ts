/** One connection after the other. */

import { expect, it, vi } from 'vitest'
import { reconnectCeilingMs } from '../src/backoff.js'
import { CallAbandoned, ConnectFailed } from '../src/errors.js'
import { RECONNECT_DELAY_MAX_MS } from '../src/limits.js'
import type { ServerMessage } from '../src/messages.js'
import type { TokenWanted } from '../src/token.js'
import { collect, numbers, open, pass, seeded, withVirtualTime } from './clients.js'
import { WireServer } from './wire-server.js'

withVirtualTime()

const refused = (code: string, retryable = false): ServerMessage => ({
  t: 'error', ref: null, code, message: 'no', retryable, retry_after_ms: null, error_id: null
})

it('[JS3.1] it tries for ever, with full jitter under a ceiling that doubles and rests', async () => {
  const server = new WireServer()
  server.isUp = false
  const client = open(server, { random: () => 0.999_999 })
  await pass(120_000)
  const delays = server.attempts.slice(1).map((at, n) => at - server.attempts[n]! - 1)
  delays.forEach((delay, n) => { expect(Math.abs(delay - reconnectCeilingMs(n))).toBeLessThanOrEqual(2) })
  expect(client.connection.getSnapshot()).toMatchObject({ phase: 'offline', shows: 'offline' })
  server.isUp = true
  await pass(16_000)
  expect(client.connection.getSnapshot()).toMatchObject({ phase: 'live', userId: 'ann', trouble: null })
})

it('[JS3.2] unanswered writes are sent again with their keys and happen once', async () => {
  const server = new WireServer()
  const client = open(server)
  await pass()
  const writes = [1, 2, 3].map(async n => await client.call('log:1', 'add', { n }))
  await pass(1) // Half way: the server has them, the answers are not here.
  server.cut()
  await pass(5_000)
  expect(await Promise.all(writes)).toEqual([1, 2, 3])
  expect(server.log('log:1').of(['log'])).toEqual({ log: [1, 2, 3] })
  expect(server.messages('call')).toHaveLength(6)
})

it('[JS3.2] a sent call without a key is abandoned, an unsent one is sent', async () => {
  const server = new WireServer()
  server.respond = () => null
  const client = open(server)
  await pass()
  const sent = client.call('log:1', 'other', {}, { key: null }).catch((error: unknown) => error)
  await pass()
  server.isUp = false
  server.cut()
  const unsent = client.call('log:1', 'add', { n: 1 }, { key: null })
  server.isUp = true
  await pass(5_000)
  expect(await sent).toBeInstanceOf(CallAbandoned)
  expect(await unsent).toBe(1)
})

// More of them: COLLAB_SEEDS=200 npm run test:quick
const SEEDS = Array.from({ length: Number(process.env['COLLAB_SEEDS'] ?? 40) }, (_, n) => n + 1)

it.each(SEEDS)('[JS3.3] followers see exactly the log, whatever breaks (seed %i)', async seed => {
  const random = seeded(seed)
  const server = new WireServer()
  const client = open(server, { random, followBufferMax: 20 })
  let refusals = 0
  server.refuse = () => refusals-- > 0 ? { code: 'unavailable', retryable: true } : null
  const wishes = [['log'], ['log', 'other'], ['other', 'presence', 'log']]
  const wish = (): string[] => wishes[Math.floor(random() * wishes.length)]!
  const followers = Array.from({ length: 3 }, () => collect(client.follow('log:1', wish())))
  const writes: Array<Promise<unknown>> = []
  for (let n = 0; n < 60; n++) {
    writes.push(client.call('log:1', 'add', { n }))
    if (random() < 0.2) {
      server.log('log:1').add('log', { n: -n - 1 })
      server.publish('log:1')
    }
    if (random() < 0.1) server.log('log:1').add('other', { n })
    if (random() < 0.15) server.cut()
    if (random() < 0.1) followers.push(collect(client.follow('log:1', wish())))
    if (random() < 0.05) client.follow('log:1', wish()).close()
    if (random() < 0.05) refusals = 2
    await pass(random() * 40)
  }
  await pass(60_000)
  await Promise.all(writes)
  const { log } = server.log('log:1').of(['log']) as { log: unknown[] }
  expect(new Set(log).size).toBe(log.length)
  for (const { items } of followers) {
    expect(numbers(items)).toEqual(log)
    expect(items.filter(item => item.kind === 'snapshot')).toHaveLength(1)
  }
})

it('[JS3.4] a ping keeps an idle connection and measures it; a silent server is left', async () => {
  const server = new WireServer()
  const openedAtMs = Date.now()
  const client = open(server)
  await pass()
  expect(client.connection.getSnapshot().latencyMs).toBe(2)
  const { clockAheadMs } = client.connection.getSnapshot() // Of a server whose clock says 0.
  expect(clockAheadMs).toBeGreaterThanOrEqual(openedAtMs)
  expect(clockAheadMs).toBeLessThanOrEqual(Date.now())
  await pass(60_000)
  expect(server.messages('ping').length).toBeGreaterThanOrEqual(4)
  expect(server.attempts).toHaveLength(1)
  server.connections[0]!.isMute = true
  await pass(40_000)
  expect(server.attempts.length).toBeGreaterThan(1)
})

it('[JS3.5] a handshake without an answer is given up', async () => {
  const server = new WireServer()
  server.judge = () => ({ t: 'pong', n: 0 }) // Anything but an answer.
  const client = open(server)
  await pass(10_500)
  expect(client.connection.getSnapshot().trouble).toBe('the server did not answer in time')
  expect(server.attempts.length).toBe(2)
})

it('[JS3.6] a token that is refused, and what cannot be cured, ends the client', async () => {
  const server = new WireServer()
  server.judge = () => refused('unauthenticated')
  const client = open(server)
  const call = client.call('log:1', 'add', { n: 1 }).catch((error: unknown) => error)
  const { end } = collect(client.follow('log:1', ['log']))
  await pass(1_000)
  expect(await call).toBeInstanceOf(ConnectFailed)
  expect(await end).toMatchObject({ name: 'ConnectFailed', code: 'unauthenticated' })
  expect(client.connection.getSnapshot()).toMatchObject({ phase: 'closed', failure: { code: 'unauthenticated' } })
  const other = new WireServer()
  other.judge = () => refused('permission_denied')
  await expect(Promise.all([open(other).live(), pass(1_000)])).rejects.toMatchObject({ code: 'permission_denied' })
})

it('[JS3.6] a token function is asked once more, and its failures are tried again', async () => {
  const server = new WireServer()
  server.judge = hello => hello.token === 'good' ? null : refused('unauthenticated')
  const tokens = ['bad', 'good']
  const client = open(server, { token: () => tokens.shift() ?? 'bad' })
  await pass(1_000)
  expect(client.connection.getSnapshot().phase).toBe('live')
  let asked = 0
  const slow = open(server, { token: async () => { if (++asked < 3) throw new Error('no network'); return 'good' } })
  await pass(5_000)
  expect(asked).toBe(3)
  expect(slow.connection.getSnapshot().phase).toBe('live')
})

it('[JS3.6] refusals with a good session in between are not in a row', async () => {
  const server = new WireServer()
  const refusedTokens = ['t1', 't3']
  server.judge = hello => refusedTokens.includes(hello.token ?? '') ? refused('unauthenticated') : null
  let asked = 0
  const client = open(server, { token: () => `t${++asked}` })
  await pass(1_000)
  server.cut()
  await pass(5_000)
  expect(client.connection.getSnapshot().phase).toBe('live')
  expect(asked).toBe(4)
})

it('[JS3.6] long sessions that end for their tokens go on', async () => {
  const server = new WireServer()
  const client = open(server, { token: () => 't1' })
  for (let day = 0; day < 3; day++) {
    await pass(RECONNECT_DELAY_MAX_MS + 1_000)
    expect(client.connection.getSnapshot().phase).toBe('live')
    server.cut(4401)
  }
  await pass(5_000)
  expect(client.connection.getSnapshot().phase).toBe('live')
})

it('[JS3.7] after a goodbye answers are taken, nothing new is sent, and the time to come back is kept', async () => {
  const server = new WireServer()
  server.respond = () => null
  const client = open(server)
  await pass()
  const sent = client.call('log:1', 'other')
  await pass()
  const [connection] = server.connections
  connection!.send({ t: 'goodbye', reason: 'draining', reconnect_after_ms: 3_000 })
  await pass()
  const waiting = client.call('log:1', 'add', { n: 1 })
  await pass()
  expect(server.messages('call')).toHaveLength(1)
  connection!.send({ t: 'reply', ref: server.messages('call')[0]!.ref, value: 'late', seq: null })
  await pass()
  expect(await sent).toBe('late')
  await pass(2_500)
  expect(server.attempts).toHaveLength(1)
  await pass(1_000)
  expect(await waiting).toBe(1)
})

it('[JS3.8] a token from a function is replaced before it ends, and by hand', async () => {
  const server = new WireServer()
  server.expiresInMs = 100_000
  let count = 0
  const client = open(server, { token: () => `t${++count}` })
  await pass(95_000)
  expect(server.messages('auth').map(({ token }) => token)).toEqual(['t2'])
  const refreshed = client.refresh('by hand')
  await pass()
  await refreshed
  expect(server.messages('auth').at(-1)?.token).toBe('by hand')
})

it('[JS3.8] a token function is told what for, and may take its time', async () => {
  const server = new WireServer()
  server.expiresInMs = 100_000
  server.judge = hello => hello.token === 'ended' ? refused('unauthenticated') : null
  const asked: TokenWanted[] = []
  let give = (_token: string): void => {}
  const client = open(server, {
    token: wanted => {
      asked.push(wanted)
      return wanted === 'refused' ? new Promise(resolve => { give = resolve }) : asked.length === 1 ? 'first' : 'ended'
    }
  })
  await pass(95_000)
  expect(asked).toEqual(['hello', 'renewal'])
  server.cut()
  await pass(600_000)
  expect(asked).toEqual(['hello', 'renewal', 'hello', 'refused'])
  expect(client.connection.getSnapshot().phase).toBe('connecting')
  give('good')
  await pass(1_000)
  expect(client.connection.getSnapshot().phase).toBe('live')
})

it('[JS3.9] an unreadable message drops the connection, not the client', async () => {
  const server = new WireServer()
  const client = open(server)
  await pass()
  server.connections[0]!.sendRaw('{"t":"events","target":"log:1","after":0,"seq":1,"events":[{"seq":"1"}]}')
  await pass(1)
  expect(client.connection.getSnapshot().trouble).toMatch('unreadable')
  await pass(5_000)
  expect(client.connection.getSnapshot().phase).toBe('live')
})

it('[JS3.10] the connection is observable: every change is told, and unsent calls are counted', async () => {
  const server = new WireServer()
  server.isUp = false
  const client = open(server)
  const told = vi.fn(() => client.connection.getSnapshot())
  const forget = client.connection.subscribe(told)
  expect(client.connection.getSnapshot()).toBe(client.connection.getSnapshot())
  void client.call('log:1', 'add', { n: 1 })
  void client.call('log:1', 'sum', {}, { isRead: true })
  const follower = collect(client.follow('log:1', ['log']))
  await pass(200)
  expect(told.mock.results.map(({ value }) => value as object)).toContainEqual(expect.objectContaining({ shows: 'offline', unsent: 1 }))
  server.isUp = true
  await pass(5_000)
  const shown = told.mock.results.map(({ value }) => (value as { shows: string }).shows)
  expect(shown).toContain('catching up')
  expect(shown.at(-1)).toBe('live')
  expect(client.connection.getSnapshot().unsent).toBe(0)
  expect(numbers(follower.items)).toEqual([1])
  forget()
  const before = told.mock.calls.length
  server.cut()
  await pass(100)
  expect(told.mock.calls.length).toBe(before)
})

it('[JS3.11] what is no WebSocket address, and a bound without room, is refused at once', () => {
  const server = new WireServer()
  expect(() => open(server, { offlineQueueMax: 0 })).toThrow(RangeError)
  expect(() => open(server, { followBufferMax: 0 })).toThrow(RangeError)
})

it('[JS3.1] when the page or its network is back, it tries at once, and looks whether its connection lives', async () => {
  const page = new EventTarget()
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('document', document)
  const server = new WireServer()
  const client = open(server, { random: () => 0.999_999 })
  await pass(1_000)
  server.connections[0]!.isMute = true // The lid was closed; nobody has said that the socket is dead.
  document.dispatchEvent(new Event('visibilitychange'))
  server.isUp = false
  await pass(4_900)
  expect(client.connection.getSnapshot().phase).toBe('live')
  await pass(200)
  expect(client.connection.getSnapshot().phase).toBe('offline')
  await pass(60_000)
  const attempts = server.attempts.length
  server.isUp = true
  page.dispatchEvent(new Event('online'))
  await pass(10)
  expect(server.attempts).toHaveLength(attempts + 1)
  expect(client.connection.getSnapshot().phase).toBe('live')
  vi.unstubAllGlobals()
})
