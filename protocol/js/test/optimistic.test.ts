/** Optimistic state: history, and pending writes on top of it. */

import { expect, it, vi } from 'vitest'
import { CallFailed, LimitExceeded } from '../src/errors.js'
import type { EventItem } from '../src/items.js'
import { OFFLINE_QUEUE_MAX } from '../src/limits.js'
import { type Mutation, OptimisticState } from '../src/optimistic.js'
import { SharedViews } from '../src/sharing.js'
import { View, type ViewShape } from '../src/view.js'
import { open, pass, seeded, withVirtualTime } from './clients.js'
import { WireServer } from './wire-server.js'

withVirtualTime()

type Words = readonly unknown[]
const added = (seq: number, n: unknown): EventItem => ({ kind: 'event', seq, topic: 'log', type: 'added', at_ms: 0, by: 'ann', data: { n } })
const adding = (n: unknown): Mutation<Words> => ({ op: 'add', args: { n }, apply: words => [...words, n], confirmedSeq: null })
const fresh = (): OptimisticState<Words> => new OptimisticState<Words>({
  reduce: (words, event) => [...words, event.data['n']],
  settles: (event, { args }) => event.data['n'] === (args as { n: unknown }).n
})

it('[JS7.1] a mutation shows at once and until history holds it, never twice and never not at all', () => {
  const state = fresh()
  state.reset([], 'e', 0)
  const [a, b] = [adding('a'), adding('b')]
  state.mutate(a)
  state.mutate(b)
  expect(state.state).toEqual(['a', 'b'])
  state.confirm(a, 1) // The reply came before its event.
  expect(state.state).toEqual(['a', 'b'])
  state.event(added(1, 'a'))
  expect([state.state, state.pending]).toEqual([['a', 'b'], [b]])
  state.event(added(2, 'b')) // The event came before the reply.
  expect([state.state, state.pending]).toEqual([['a', 'b'], []])
  state.confirm(b, 2)
  expect(state.state).toEqual(['a', 'b'])
})

it('[JS7.1] what is written before the first snapshot shows with it', () => {
  const state = fresh()
  state.mutate(adding('mine'))
  expect(state.state).toBeNull()
  state.reset(['theirs'], 'e', 4)
  expect(state.state).toEqual(['theirs', 'mine'])
})

it('[JS7.2] what is shown equals history with the pending mutations replayed (seeds 1 to 300)', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const state = new OptimisticState<Words>({ reduce: (words, event) => [...words, event.data['n']] })
    state.reset([], 'e0', 0)
    let history: unknown[] = []
    let seq = 0
    let epoch = 0
    let pending: Array<{ mutation: Mutation<Words>, n: number }> = []
    for (let n = 0; n < 40; n++) {
      const dice = random()
      const some = pending[Math.floor(random() * pending.length)]
      if (dice < 0.4) {
        const mutation = adding(n)
        state.mutate(mutation)
        pending.push({ mutation, n })
      } else if (dice < 0.7) {
        history = [...history, `e${n}`]
        state.event(added(++seq, `e${n}`))
      } else if (dice < 0.8 && some !== undefined) {
        state.drop(some.mutation)
        pending = pending.filter(one => one !== some)
      } else if (dice < 0.9 && some !== undefined) {
        state.confirm(some.mutation, seq + 1)
        history = [...history, some.n]
        state.event(added(++seq, some.n))
        pending = pending.filter(one => one !== some)
      } else if (dice > 0.95) {
        history = [`reset ${n}`]
        seq = 0
        state.reset(history, `e${++epoch}`, 0)
      }
      expect(state.state, `seed ${seed}`).toEqual([...history, ...pending.map(one => one.n)])
    }
  }
})

it('[JS7.3] a mutation that cannot be applied, or one too many, is refused and changes nothing', () => {
  const state = fresh()
  state.reset(['a'], 'e', 1)
  expect(() => state.mutate({ ...adding('b'), apply: () => { throw new Error('cannot') } })).toThrow('cannot')
  expect([state.state, state.pending]).toEqual([['a'], []])
  const full = new OptimisticState<number>({ reduce: count => count })
  const mutation: Mutation<number> = { op: 'x', args: {}, apply: count => count + 1, confirmedSeq: null }
  for (let n = 0; n < OFFLINE_QUEUE_MAX; n++) full.mutate(mutation)
  expect(() => full.mutate(mutation)).toThrow(LimitExceeded)
  full.reset(0, 'e', 0)
  expect(full.state).toBe(OFFLINE_QUEUE_MAX)
})

const SHAPE: ViewShape<Words> = {
  topics: ['log'],
  load: topics => topics['log'] as Words,
  reduce: (words, event) => [...words, event.data['n']]
}

it('[JS7.4] a view shows own writes offline, survives cuts, rolls back refusals and says why it ended', async () => {
  const server = new WireServer()
  const client = open(server)
  const view = new View(client, 'log:1', SHAPE)
  const told = vi.fn()
  view.subscribe(told)
  expect(view.getSnapshot()).toMatchObject({ status: 'waiting', state: null })
  await pass()
  expect(view.getSnapshot()).toMatchObject({ status: 'live', state: [] })
  expect(view.getSnapshot()).toBe(view.getSnapshot())
  server.isUp = false
  server.cut()
  const done = view.mutate('add', { n: 1 }, words => [...words, 1])
  expect(view.getSnapshot()).toMatchObject({ state: [1], pending: 1 })
  server.isUp = true
  await pass(5_000)
  expect(await done).toBe(1)
  expect(view.getSnapshot()).toMatchObject({ state: [1], pending: 0 })
  server.respond = () => ({ t: 'error', code: 'conflict', message: '', retryable: false, retry_after_ms: null, error_id: null })
  const refused = view.mutate('other', {}, words => [...words, 2]).catch((error: unknown) => error)
  expect(view.getSnapshot().state).toEqual([1, 2])
  await pass()
  expect(await refused).toBeInstanceOf(CallFailed)
  expect(view.getSnapshot().state).toEqual([1])
  const calls = told.mock.calls.length
  const waiting = view.when(words => words.length > 5).catch((error: unknown) => error)
  server.connections[0]!.send({ t: 'ended', ref: server.messages('subscribe').at(-1)!.ref, target: 'log:1', code: 'permission_denied', message: '', retryable: false })
  await pass()
  expect(view.getSnapshot()).toMatchObject({ status: 'ended', state: [1], error: { code: 'permission_denied' } })
  expect(await waiting).toMatchObject({ code: 'permission_denied' })
  expect(told.mock.calls.length).toBe(calls + 1)
})

it('[JS7.5] a fault in an applications reducer ends its own view and nothing else', async () => {
  const server = new WireServer()
  const client = open(server)
  const bad = new View(client, 'log:1', { ...SHAPE, reduce: () => { throw new Error('a bug') } })
  const good = new View(client, 'log:1', SHAPE)
  await pass()
  void client.call('log:1', 'add', { n: 1 })
  await pass()
  expect(bad.getSnapshot()).toMatchObject({ status: 'ended', error: { message: 'a bug' } })
  expect(good.getSnapshot()).toMatchObject({ status: 'live', state: [1] })
})

it('[JS7.6] a shared view is opened once, and closed some time after the last has gone', async () => {
  const server = new WireServer()
  const client = open(server)
  const shared = new SharedViews()
  const opening = vi.fn(() => new View(client, 'log:1', SHAPE))
  const store = shared.store('log', opening)
  const [first, second] = [store.subscribe(() => {}), store.subscribe(() => {})]
  await pass()
  first()
  first()
  await pass(10_000)
  expect(store.getSnapshot()).toMatchObject({ status: 'live' })
  second()
  await pass(1_000)
  expect(store.getSnapshot()).toMatchObject({ status: 'live' })
  await pass(5_000)
  expect(server.connections[0]!.subscriptions.size).toBe(0)
  expect(opening).toHaveBeenCalledTimes(1)
  expect(store.getSnapshot()).toMatchObject({ status: 'waiting' }) // Opened anew.
  shared.close()
})

it('[JS7.9] a shared view that has ended is replaced for everybody who watches it', async () => {
  const server = new WireServer()
  const client = open(server)
  const shared = new SharedViews()
  const opening = (): View<Words> => new View(client, 'log:1', SHAPE)
  const store = shared.store('log', opening)
  const seen: string[] = []
  const forget = store.subscribe(() => seen.push(`${store.getSnapshot().status} ${store.getSnapshot().state?.length}`))
  await pass()
  server.connections[0]!.send({ t: 'ended', ref: server.messages('subscribe').at(-1)!.ref, target: 'log:1', code: 'permission_denied', message: '', retryable: false })
  server.connections[0]!.subscriptions.clear()
  await pass()
  const old = shared.get('log', opening)
  shared.renew('log', opening)
  await pass()
  await Promise.all([client.call('log:1', 'add', { n: 1 }), pass()])
  expect(seen).toEqual(['live 0', 'ended 0', 'waiting undefined', 'live 0', 'live 1'])
  forget()
  await pass(5_000)
  expect([old.getSnapshot().status, server.connections[0]!.subscriptions.size]).toEqual(['ended', 0])
  shared.close()
})
