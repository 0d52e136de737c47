/** Followers, presence, and what is shared on the wire. */

import { expect, it } from 'vitest'
import { LimitExceeded, NotFollowing, SubscriptionEnded } from '../src/errors.js'
import type { PresenceItem } from '../src/items.js'
import { View } from '../src/view.js'
import { collect, numbers, open, pass, withVirtualTime } from './clients.js'
import { WireServer } from './wire-server.js'

withVirtualTime()

it('[JS2.1] a follower gets a snapshot, or goes on from its cursor, and then every event of its topics', async () => {
  const server = new WireServer()
  const log = server.log('log:1')
  log.add('log', { n: 1 })
  const client = open(server)
  const follower = client.follow('log:1', ['log'])
  const { items } = collect(follower)
  await pass()
  log.add('other', { n: 'x' })
  log.add('log', { n: 2 })
  server.publish('log:1')
  await pass()
  expect(numbers(items)).toEqual([1, 2])
  expect(follower.cursor).toEqual({ epoch: 'e1', seq: 3 })
  log.add('log', { n: 3 })
  const later = collect(open(server).follow('log:1', ['log'], { cursor: follower.cursor }))
  await pass()
  expect(later.items).toEqual([expect.objectContaining({ kind: 'event', seq: 4, data: { n: 3 } })])
})

it('[JS2.2] a cursor that cannot be continued gets a snapshot with the reason', async () => {
  const server = new WireServer()
  const { items } = collect(open(server).follow('log:1', ['log'], { cursor: { epoch: 'old', seq: 9 } }))
  await pass()
  expect(items).toEqual([{ kind: 'snapshot', epoch: 'e1', seq: 0, topics: { log: [] }, resetReason: 'epoch_changed' }])
})

it('[JS2.3] a gap is closed by asking again', async () => {
  const server = new WireServer()
  const { items } = collect(open(server).follow('log:1', ['log']))
  await pass()
  const log = server.log('log:1')
  for (let n = 1; n <= 3; n++) log.add('log', { n })
  server.connections[0]!.subscriptions.get('log:1')!.seq = 3
  server.connections[0]!.send({ t: 'events', target: 'log:1', after: 2, seq: 3, events: log.events.slice(2) })
  await pass()
  expect(numbers(items)).toEqual([1, 2, 3])
})

it('[JS2.4] a final refusal ends those whom it concerns, after what they had received', async () => {
  const server = new WireServer()
  server.refuse = (_target, topics) => topics.includes('secret') ? { code: 'permission_denied', retryable: false } : null
  server.log('log:1').add('log', { n: 1 })
  const client = open(server)
  const allowed = collect(client.follow('log:1', ['log']))
  const refused = collect(client.follow('log:1', ['log', 'secret']))
  await pass()
  expect(await refused.end).toBeInstanceOf(SubscriptionEnded)
  expect(await refused.end).toMatchObject({ code: 'permission_denied' })
  expect(numbers(allowed.items)).toEqual([1])
  server.connections[0]!.send({
    t: 'ended', ref: server.messages('subscribe').at(-1)!.ref, target: 'log:1', code: 'permission_denied', message: 'out', retryable: false
  })
  await pass()
  expect(await allowed.end).toMatchObject({ code: 'permission_denied', message: 'out' })
})

it('[JS2.5] a retryable refusal is followed by another attempt', async () => {
  const server = new WireServer()
  let refusals = 2
  server.refuse = () => refusals-- > 0 ? { code: 'unavailable', retryable: true } : null
  server.log('log:1').add('log', { n: 1 })
  const { items } = collect(open(server).follow('log:1', ['log']))
  await pass(2_000)
  expect(numbers(items)).toEqual([1])
})

it('[JS2.6] followers of one target share a subscription, and none is thrown back by another', async () => {
  const server = new WireServer()
  const log = server.log('log:1')
  const client = open(server)
  const first = collect(client.follow('log:1', ['log']))
  await pass()
  log.add('log', { n: 1 })
  server.publish('log:1')
  await pass()
  const second = collect(client.follow('log:1', ['other']))
  log.add('other', { n: 2 })
  log.add('log', { n: 3 })
  server.publish('log:1')
  await pass(200)
  expect(numbers(first.items)).toEqual([1, 3])
  expect(first.items.filter(item => item.kind === 'snapshot')).toHaveLength(1)
  expect(numbers(second.items, 'other')).toEqual([2])
  expect(server.connections[0]!.subscriptions.size).toBe(1)
})

it('[JS2.7] leaving the loop, closing and aborting end a follower, and the last one the subscription', async () => {
  const server = new WireServer()
  const client = open(server)
  const abort = new AbortController()
  const aborted = collect(client.follow('log:1', ['log'], { signal: abort.signal }))
  const follower = client.follow('log:1', ['log'])
  const closed = collect(follower)
  const left = (async () => { for await (const item of client.follow('log:1', ['log'])) return item.kind })()
  await pass()
  expect(await left).toBe('snapshot')
  follower.close()
  abort.abort('enough')
  await pass()
  expect(await closed.end).toBeNull()
  expect(await aborted.end).toBe('enough')
  expect(server.connections[0]!.subscriptions.size).toBe(0)
})

it('[JS2.8] a follower that does not read holds a bounded number of events and goes on later', async () => {
  const server = new WireServer()
  const client = open(server, { followBufferMax: 10 })
  const lazy = client.follow('log:1', ['log'])
  const eager = collect(client.follow('log:1', ['log']))
  await pass()
  for (let n = 0; n < 50; n++) {
    server.log('log:1').add('log', { n })
    server.publish('log:1')
    await pass(5)
  }
  expect(await lazy.batch()).toHaveLength(10)
  const rest = collect(lazy)
  await pass(2_000)
  const expected = Array.from({ length: 50 }, (_, n) => n)
  expect(numbers(rest.items)).toEqual(expected.slice(9))
  expect(numbers(eager.items)).toEqual(expected)
})

it('[JS2.9] presence is merged until it is read, shown again after a reconnect, and bounded', async () => {
  const server = new WireServer()
  const client = open(server)
  expect(() => client.setPresence('log:1', { at: 1 })).toThrow(NotFollowing)
  const follower = client.follow('log:1', ['presence'])
  client.setPresence('log:1', { at: 1 })
  client.setPresence('log:1', { name: 'Ann' }, 'name')
  expect(() => client.setPresence('log:1', { at: 'x'.repeat(5_000) })).toThrow(LimitExceeded)
  await pass()
  expect(server.messages('presence').at(-1)?.state).toEqual({ at: 1, name: 'Ann' })
  server.cut()
  await pass(1_000)
  expect(server.messages('presence')).toHaveLength(2)
  const [connection] = server.connections
  const bob = { user: 'bob', state: { at: 2 } }
  connection!.send({ t: 'presence', target: 'log:1', full: true, sessions: { s2: bob, s3: bob } })
  connection!.send({ t: 'presence', target: 'log:1', full: false, sessions: { s3: null, __proto__x: bob } })
  await pass()
  const items = await follower.batch()
  expect(items.map(item => item.kind)).toEqual(['snapshot', 'presence'])
  const { sessions, full } = items[1] as PresenceItem
  expect(full).toBe(true)
  expect([...sessions]).toEqual([['s2', bob], ['s3', null], ['__proto__x', bob]])
})

it('[JS2.9] parts that show a map of one name show one map; what is taken back between two subscriptions is not shown by the next', async () => {
  const server = new WireServer()
  const client = open(server)
  const follower = client.follow('log:1', ['log', 'presence'])
  await pass()
  client.setPresence('log:1', { yjs: { 1: 'x' } }, 'a')
  client.setPresence('log:1', { yjs: { 2: 'y' }, at: 1 }, 'b')
  await pass()
  const states = (): unknown[] => server.messages('presence').map(({ state }) => state)
  expect(states().at(-1)).toEqual({ yjs: { 1: 'x', 2: 'y' }, at: 1 })
  client.setPresence('log:1', null, 'b')
  await pass()
  expect(states().at(-1)).toEqual({ yjs: { 1: 'x' } })
  client.follow('log:1', ['other']).close() // It unsubscribes and asks anew.
  client.setPresence('log:1', null, 'a')
  await pass()
  expect(states().at(-1)).toBeNull()
  client.setPresence('log:1', { at: 2 })
  await pass()
  follower.close()
  await pass()
  const last = server.heard.filter(({ t }) => t === 'presence' || t === 'unsubscribe').slice(-2)
  expect(last).toMatchObject([{ t: 'presence', state: null }, { t: 'unsubscribe' }])
})

it('[JS2.10] bad wishes are refused at once', () => {
  const client = open(new WireServer())
  expect(() => client.follow('log:1', [])).toThrow(RangeError)
  expect(() => client.follow('log:1', ['log', 'log'])).toThrow(RangeError)
  expect(() => client.follow('log:1', ['x'.repeat(65)])).toThrow(RangeError)
  client.follow('log:1', Array.from({ length: 16 }, (_, n) => `t${n}`))
  expect(() => client.follow('log:1', ['more'])).toThrow(LimitExceeded)
  for (let n = 2; n <= 256; n++) client.follow(`log:${n}`, ['log'])
  expect(() => client.follow('log:257', ['log'])).toThrow(LimitExceeded)
})

it('[JS2.11] what has ended is followed again once, from where it stands', async () => {
  const server = new WireServer()
  const client = open(server)
  const view = new View(client, 'log:1', { topics: ['log'], load: () => 0, reduce: shown => shown + 1 })
  const conclude = async (): Promise<void> => {
    const [connection] = server.connections
    const { ref } = connection!.subscriptions.get('log:1')!
    connection!.subscriptions.delete('log:1')
    connection!.send({ t: 'ended', ref, target: 'log:1', code: 'concluded', message: '', retryable: false })
    await pass()
  }
  await pass()
  await conclude()
  expect(server.messages('subscribe').at(-1)?.cursor).toEqual({ epoch: 'e1', seq: 0 })
  server.log('log:1').add('log', { n: 1 })
  server.publish('log:1')
  await pass()
  expect(view.getSnapshot()).toMatchObject({ status: 'live', state: 1 })
  await conclude()
  expect(view.getSnapshot()).toMatchObject({ status: 'ended', state: 1, error: { code: 'concluded' } })
  expect(server.messages('subscribe')).toHaveLength(2)
})
