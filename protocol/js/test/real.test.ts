/** The client against a real server, over real sockets. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import {
  CallFailed, type Collab, connect, type ConnectOptions, type ListShown, type Me, type MeetingShown, type MessagesShown, olderItems, olderLines, olderMessages, SubscriptionEnded,
  textOf, type TranscriptShown, type View
} from '@collab/client'
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
  await room.when(({ meeting }) => meeting.status === 'live') // Whoever comes first owns it.
  const messages = open('guest').meeting('ending').messages()
  await messages.post('last words')
  await host.do('meeting.end')
  await room.when(({ meeting }) => meeting.status === 'ended')
  await expect(messages.post('too late')).rejects.toMatchObject({ code: 'conflict' })
  expect(messages.getSnapshot().state?.messages.map(textOf)).toEqual(['last words'])
  expect(room.getSnapshot().error).toBeNull()
})

it('[JS5.6] what a view has followed equals what a fresh one is shown', async () => {
  const [ann, bob] = [open('ann'), open('bob')]
  const [meeting, bobs] = [ann.meeting('equal'), bob.meeting('equal')]
  const views = (collab: Collab, me: Me): [View<MeetingShown>, View<MessagesShown>, View<TranscriptShown>, View<ListShown>] =>
    [collab.meeting('equal').room(), collab.meeting('equal').messages(), collab.meeting('equal').transcript(), me.list()]
  await meeting.do('meeting.schedule', { title: 'Plan', participants: [{ user_id: 'bob', role: 'attendee' }, { user_id: 'cem', role: 'speaker' }] })
  const me = await ann.me()
  const followed = views(ann, me)
  await Promise.all(followed.map(async view => await view.when(() => true)))
  await bobs.do('participants.join')
  await meeting.do('meeting.update', { title: 'Plan B', description: 'better' })
  await meeting.do('meeting.reschedule', { planned_start_ms: Date.now() + 3_600_000, duration_min: 30 })
  await meeting.do('meeting.start')
  await meeting.do('participants.invite', { user_id: 'dee', role: 'transcriber' })
  await meeting.do('participants.set_role', { user_id: 'bob', role: 'speaker' })
  await meeting.do('participants.remove', { user_id: 'cem' })
  const { id } = await bobs.do('messages.post', { text: 'one' })
  const { id: gone } = await meeting.do('messages.post', { text: 'two', reply_to: id })
  await bobs.do('messages.edit', { id, text: 'uno' })
  await meeting.do('messages.react', { id, emoji: '👍' })
  await bobs.do('messages.react', { id, emoji: '👍' })
  await meeting.do('messages.react', { id, emoji: '👍', on: false })
  await meeting.do('messages.delete', { id: gone })
  for (const [segment, revision, start_ms] of [['a', 0, 0], ['b', 0, 2_000], ['a', 1, 100], ['c', 0, 500], ['b', 1, 2_000]] as const) {
    await bobs.do('transcript.add', { provider: 'p', segment, revision, speaker: 'bob', start_ms, end_ms: start_ms + 400, text: `${segment}${revision}`, is_final: revision === 1 })
  }
  await meeting.do('meeting.transfer', { user_id: 'bob' })
  await me.do('user.pin', { target: 'meeting:equal' })
  await bobs.do('meeting.end')
  await ann.meeting('equal').room().when(({ meeting }) => meeting.status === 'ended')
  const isListed = ({ items }: ListShown): boolean => items.some(({ status, pinned_ms }) => status === 'ended' && pinned_ms !== null)
  await followed[3].when(isListed)
  const fresh = views(ann, me)
  for (const [n, view] of fresh.entries()) {
    const state = await view.when(() => true)
    // Who followed from the beginning knows that nothing is older; who comes later has to look.
    const { before: _, ...shown } = { before: null, ...followed[n]?.getSnapshot().state }
    expect(shown).toEqual({ ...state, ...('before' in state ? { before: undefined } : {}) })
  }
})

it('[JS5.7] what is older is paged to its beginning: messages, lines, ones own list', async () => {
  const ann = open('pager')
  const meeting = ann.meeting('paged')
  const expected = Array.from({ length: 130 }, (_, n) => `m${n}`)
  for (const text of expected) await meeting.do('messages.post', { text })
  const lines = Array.from({ length: 40 }, (_, n) => ({ provider: 'p', segment: `s${n}`, speaker: 'pager', start_ms: n * 60_000, end_ms: n * 60_000 + 500, text: `l${n}`, is_final: true }))
  await meeting.do('transcript.add_many', { chunks: lines })
  for (let n = 0; n < 7; n++) await ann.meeting(`paged-${n}`).do('messages.post', { text: 'hi' })
  const found: string[] = []
  for await (const page of olderMessages(meeting, { limit: 50 })) found.unshift(...page.map(textOf))
  expect(found).toEqual(expected)
  let said: string[] = []
  for await (const page of olderLines(meeting, { limit: 2 })) said = [...page.map(line => line.text), ...said]
  expect(said).toEqual(lines.map(({ text }) => text))
  const listed: string[] = []
  await (await ann.me()).list().when(({ items }) => items.length === 8)
  for await (const page of olderItems(await ann.me(), { limit: 3 })) listed.push(...page.map(({ target }) => target))
  expect(listed).toHaveLength(8)
  expect(new Set(listed).size).toBe(8)
  const abort = new AbortController()
  abort.abort('enough')
  await expect(olderMessages(meeting, { signal: abort.signal }).next()).rejects.toBe('enough')
})
