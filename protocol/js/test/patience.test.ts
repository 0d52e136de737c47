/** What hangs, and what has ended, leaves nobody waiting for ever. */

import { expect, it, vi } from 'vitest'
import { leaveSocket, type Socket } from '../src/socket.js'
import { View } from '../src/view.js'
import { open, pass, withVirtualTime } from './clients.js'
import { WireServer } from './wire-server.js'

withVirtualTime()

it('[JS3.6] a token function that never answers is asked again, and keeps nobody from closing', async () => {
  const server = new WireServer()
  let asked = 0
  const client = open(server, { token: async () => ++asked === 1 ? await new Promise<string>(() => {}) : 't' })
  await pass(9_900)
  expect(client.connection.getSnapshot()).toMatchObject({ phase: 'connecting', trouble: null })
  await pass(110)
  expect(client.connection.getSnapshot().trouble).toBe('no token: it did not come in time')
  await pass(1_000)
  expect(client.connection.getSnapshot().phase).toBe('live')
  const hanging = open(server, { token: async () => await new Promise<string>(() => {}) })
  await pass()
  const timers = vi.getTimerCount()
  const closing = hanging.close()
  expect(vi.getTimerCount()).toBeLessThanOrEqual(timers) // Its patience went, that of `close` came.
  await closing
})

it('[JS2.1] several who wait for the next item of one follower get one each, and the end together', async () => {
  const server = new WireServer()
  const follower = open(server).follow('log:1', ['log'])
  const waiting = [follower.next(), follower.next(), follower.next()]
  await pass()
  server.log('log:1').add('log', { n: 1 })
  server.log('log:1').add('log', { n: 2 })
  server.publish('log:1')
  await pass()
  expect((await Promise.all(waiting)).map(({ done, value }) => done === true ? 'done' : value.kind)).toEqual(['snapshot', 'event', 'event'])
  const last = [follower.next(), follower.batch(), follower.batch()] as const
  await pass()
  server.log('log:1').add('log', { n: 3 })
  server.publish('log:1')
  await pass()
  follower.close()
  expect(await Promise.all(last)).toMatchObject([{ done: false }, [], []])
})

it('[JS3.12] a goodbye that nobody answers is given up', () => {
  const called: string[] = []
  const socket = { close: () => { called.push('close') }, terminate: () => { called.push('terminate') } } as unknown as Socket
  leaveSocket(socket)
  vi.advanceTimersByTime(1_900)
  expect(called).toEqual(['close'])
  vi.advanceTimersByTime(200)
  expect(called).toEqual(['close', 'terminate'])
  leaveSocket(socket)
  socket.onclose?.(undefined as never)
  vi.advanceTimersByTime(5_000)
  expect(called).toEqual(['close', 'terminate', 'close'])
  expect(vi.getTimerCount()).toBe(0)
})

it('[JS7.4] nothing that has happened is pending for ever in a view that has ended', async () => {
  const server = new WireServer()
  server.respond = () => ({ t: 'reply', value: null, seq: 7 }) // Its event never comes.
  const view = new View<readonly unknown[]>(open(server), 'log:1', {
    topics: ['log'], load: topics => topics['log'] as unknown[], reduce: (words, { data }) => [...words, data['n']]
  })
  await pass()
  const write = async (n: number): Promise<unknown> => await view.mutate('post', { n }, words => [...words, n])
  await Promise.all([write(1), pass()])
  expect(view.getSnapshot()).toMatchObject({ state: [1], pending: 1 })
  view.close()
  expect(view.getSnapshot()).toMatchObject({ status: 'ended', state: [], pending: 0 })
  const late = write(2)
  expect(view.getSnapshot().pending).toBe(1)
  await Promise.all([late, pass()])
  expect(view.getSnapshot()).toMatchObject({ state: [], pending: 0 })
})

it('[JS3.4] a server that only says that it is there, while a large message is on its way, is not left', async () => {
  const server = new WireServer()
  open(server)
  await pass()
  server.connections[0]!.isMute = true
  for (let n = 0; n < 12; n++) {
    await pass(10_000)
    server.connections[0]!.send({ t: 'pong', n: 0 })
  }
  expect(server.attempts).toHaveLength(1)
})
