/** The client against a real server, over real sockets. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { CallFailed, type Collab, connect, type ConnectOptions, SubscriptionEnded, textOf } from '@collab/client'
import { Served } from './served.js'

let served: Served
const opened: Collab[] = []

beforeAll(async () => { served = await Served.open() })
afterAll(async () => { await served.close() })
afterEach(async () => { await Promise.all(opened.splice(0).map(async one => await one.close())) })

function open (user: string, options: Partial<ConnectOptions> = {}): Collab {
  const collab = connect(served.url, { token: `dev:${user}`, WebSocket, ...options })
  opened.push(collab)
  return collab
}

describe.each(['msgpack', 'json'] as const)('over %s', encoding => {
  it('[JS5.1] calls, events and snapshots reach a real server and come back', async () => {
    const ann = open('ann', { encoding }).meeting(`basic-${encoding}`)
    const bob = open('bob', { encoding }).meeting(`basic-${encoding}`)
    const shown = bob.messages()
    await shown.when(({ messages }) => messages.length === 0)
    const { id } = await ann.do('messages.post', { text: 'hi 🎉' })
    const { messages } = await shown.when(({ messages }) => messages.length === 1)
    expect(messages[0]).toMatchObject({ id, author: 'ann' })
    expect(textOf(messages[0]!)).toBe('hi 🎉')
    shown.close()
  })
})

it('[JS5.2] a killed server is come back to: nothing asked meanwhile is lost or doubled', async () => {
  const ann = open('ann')
  const bob = open('bob')
  const posting = ann.meeting('killed')
  const seen = bob.meeting('killed').messages()
  await seen.when(() => true)
  await posting.do('messages.post', { text: '0' })
  await served.kill()
  const posted = Array.from({ length: 20 }, (_, n) => posting.do('messages.post', { text: String(n + 1) }))
  expect(ann.client.connection.getSnapshot().unsent).toBe(20)
  await served.start()
  await Promise.all(posted)
  const { messages } = await seen.when(({ messages }) => messages.length >= 21)
  expect(messages.map(textOf)).toEqual(Array.from({ length: 21 }, (_, n) => String(n)))
})

it('[JS2.4] a participant who is removed hears so at once', async () => {
  const host = open('host')
  const guest = open('guest')
  await host.meeting('removal').do('messages.post', { text: 'welcome' })
  const room = guest.meeting('removal').room()
  await room.when(({ participants }) => participants.has('guest'))
  await host.meeting('removal').do('participants.remove', { user_id: 'guest' })
  await expect(room.when(() => false)).rejects.toThrow(SubscriptionEnded)
  expect(room.getSnapshot()).toMatchObject({ status: 'ended', error: { code: 'permission_denied' } })
  await expect(guest.meeting('removal').do('messages.post', { text: 'still here' })).rejects.toThrow(CallFailed)
})

it('[JS5.3] what has ended is shown as ended, and can still be read', async () => {
  const host = open('host').meeting('ending')
  const room = host.room()
  const messages = open('guest').meeting('ending').messages()
  await room.when(({ meeting }) => meeting.status === 'live')
  await messages.post('last words')
  await host.do('meeting.end')
  await room.when(({ meeting }) => meeting.status === 'ended')
  await expect(messages.post('too late')).rejects.toMatchObject({ code: 'conflict' })
  expect(messages.getSnapshot().state?.messages.map(textOf)).toEqual(['last words'])
  expect(room.getSnapshot().error).toBeNull()
})
