/** Older messages of a live view: they are as live as the newest, and nothing is between them that is missing. */

import { expect, it } from 'vitest'
import { MESSAGES_SHOWN_MAX } from '../src/limits.js'
import type { Message, TranscriptLine } from '../src/generated/wire.js'
import { TranscriptView } from '../src/lines.js'
import { MessagesView } from '../src/posting.js'
import { open, pass, seeded, withVirtualTime } from './clients.js'
import { WireChat } from './wire-chat.js'
import { WireServer } from './wire-server.js'

withVirtualTime()

function chatWith (count: number): { server: WireServer, chat: WireChat } {
  const server = new WireServer()
  const chat = new WireChat(server, 'chat:1')
  for (let n = 1; n <= count; n++) chat.post(`m${n}`)
  return { server, chat }
}

const shownBy = (view: MessagesView): readonly Message[] => view.getSnapshot().state?.messages ?? []

it('[JS7.8] what was paged to is edited, reacted to and deleted like the rest, by others and by oneself', async () => {
  const { server, chat } = chatWith(30)
  const view = new MessagesView(open(server), 'chat:1')
  await pass()
  await Promise.all([view.loadOlder(), view.loadOlder(), pass()]) // Pressed twice, it is one page.
  expect(shownBy(view).map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, n) => 11 + n))
  chat.delete(11)
  chat.react(12, '+1', true)
  const mine = view.edit(13, 'mine')
  expect(shownBy(view)[2]?.parts).toEqual([{ type: 'text', text: 'mine' }])
  await pass()
  await mine
  expect(shownBy(view)).toEqual(chat.since(11))
  await Promise.all([view.loadOlder(), pass()])
  expect([shownBy(view), view.getSnapshot().state?.more]).toEqual([chat.since(1), false])
  await view.loadOlder() // There is nothing to ask for.
  expect(server.messages('call').filter(({ op }) => op === 'messages.page')).toHaveLength(2)
})

it('[JS7.8] what happens while a page is on its way happens to the page; one of a history that is no more is read anew', async () => {
  const { server, chat } = chatWith(30)
  const view = new MessagesView(open(server), 'chat:1')
  await pass()
  chat.isHolding = true
  const loading = view.loadOlder()
  await pass()
  chat.delete(15)
  chat.edit(16, 'edited')
  chat.post('new')
  await pass()
  chat.release()
  await pass()
  await loading
  expect(shownBy(view)).toEqual(chat.since(11))
  const again = view.loadOlder()
  await pass()
  server.log('chat:1').epoch = 'e2' // Restored from a backup, say.
  server.cut()
  await pass(5_000)
  chat.release()
  await pass()
  expect(shownBy(view)).toEqual(chat.since(22))
  chat.release() // The page before the new beginning.
  await pass()
  await again
  expect(shownBy(view)).toEqual(chat.since(12))
})

it('[JS7.8] a refused page changes nothing, and can be asked for again', async () => {
  const { server, chat } = chatWith(30)
  const view = new MessagesView(open(server), 'chat:1')
  await pass()
  const { respond } = server
  server.respond = () => ({ t: 'error', code: 'internal', message: '', retryable: false, retry_after_ms: null, error_id: null })
  const refused = view.loadOlder().catch((error: unknown) => error)
  await pass()
  expect([await refused, shownBy(view).length]).toMatchObject([{ code: 'internal' }, 10])
  server.respond = respond
  await Promise.all([view.loadOlder(), pass()])
  expect(shownBy(view)).toEqual(chat.since(11))
})

it('[JS7.8] a full view lets its oldest fall off, so that there is no hole, also while a page is on its way', async () => {
  const { chat, server } = chatWith(20)
  const view = new MessagesView(open(server), 'chat:1')
  await pass()
  await Promise.all([view.loadOlder(), pass()])
  for (let n = 0; n < MESSAGES_SHOWN_MAX; n++) chat.post(`live ${n}`)
  await pass()
  expect([shownBy(view).length, shownBy(view)]).toEqual([MESSAGES_SHOWN_MAX, chat.since(21)])
  chat.isHolding = true
  const loading = view.loadOlder()
  await pass()
  for (let n = 0; n < 5; n++) chat.post(`meanwhile ${n}`)
  chat.delete(21) // It has fallen off by now.
  await pass()
  chat.release()
  await pass()
  await loading
  expect(shownBy(view)).toEqual(chat.since(11))
  chat.post('one falls off for one that comes')
  await pass()
  expect(shownBy(view)).toEqual(chat.since(12))
})

it('[JS7.8] whatever happens, in whatever order pages come: what is shown equals history (seeds 1 to 40)', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed)
    const { server, chat } = chatWith(40)
    const view = new MessagesView(open(server, { random }), 'chat:1')
    await pass()
    for (let n = 0; n < 60; n++) {
      const some = chat.messages[Math.floor(random() * chat.messages.length)]!.id
      const dice = random()
      if (dice < 0.2) chat.post(`m${n}`)
      else if (dice < 0.35) chat.edit(some, `e${n}`)
      else if (dice < 0.4) chat.delete(some)
      else if (dice < 0.55) chat.react(some, '+1', random() < 0.5, random() < 0.5 ? 'bob' : 'eve')
      else if (dice < 0.6) view.react(some, '+1').catch(() => {})
      else if (dice < 0.75) view.loadOlder().catch(() => {})
      else if (dice < 0.8) server.cut()
      else if (dice < 0.9) chat.isHolding = !chat.isHolding
      else chat.release()
      if (random() < 0.5) await pass(random() * 5)
    }
    chat.isHolding = false
    await pass(5_000)
    chat.release()
    await pass(5_000)
    const seen = shownBy(view)
    expect(seen.length, `seed ${seed}`).toBeGreaterThan(0)
    expect(withoutOrder(seen), `seed ${seed}`).toEqual(withoutOrder(chat.since(seen[0]?.id)))
    view.close()
  }
})

it('[JS7.8] older lines are live, too: pages come at whole buckets, revisions find their line', async () => {
  const server = new WireServer()
  const said = (n: number, revision = 1): TranscriptLine => ({
    provider: 'p', segment: `s${n}`, revision, speaker: 'x', start_ms: n, end_ms: n, text: `l${n}.${revision}`, confidence: null, language: null, is_final: true, bucket: n, seq: 100 + n
  })
  const bucket = (n: number): object => ({ position: n * 1_000, bucket: n, lines: [said(n)] })
  server.snapshot = () => ({ transcript: { lines: [said(3)], watermark_ms: 3, before: 4_000 } })
  const asked: unknown[] = []
  server.respond = ({ args }) => {
    const { before } = args as { before: number }
    asked.push(before)
    if (before === 3_000) { // While the page is on its way one of its lines is revised.
      const { seq: _, ...line } = said(2, 2)
      server.log('meeting:1').add('transcript', { ...line }, 'transcript.added')
      server.publish('meeting:1')
    }
    return { t: 'reply', value: { buckets: [bucket(before / 1_000 - 1)], has_more: before > 2_000 }, seq: null }
  }
  const view = new TranscriptView(open(server), 'meeting:1')
  await pass()
  const texts = (): string[] => view.getSnapshot().state?.lines.map(({ text }) => text) ?? []
  await Promise.all([view.loadOlder(), pass()])
  expect([asked, texts()]).toEqual([[4_000, 3_000], ['l2.2', 'l3.1']])
  await Promise.all([view.loadOlder(), pass()])
  expect([texts(), view.getSnapshot().state?.before]).toEqual([['l1.1', 'l2.2', 'l3.1'], null])
  await view.loadOlder()
  expect(asked).toEqual([4_000, 3_000, 2_000])
})

/** In which order people reacted between two readings of one page nobody can know. */
function withoutOrder (messages: readonly Message[]): unknown[] {
  return messages.map(({ edited_ms: _, reactions, ...rest }) =>
    ({ ...rest, reactions: Object.entries(reactions).map(([emoji, users]) => [emoji, [...users].sort()]) }))
}
