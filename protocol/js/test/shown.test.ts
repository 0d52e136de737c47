/** Views' values where a real server takes too long to bring them there. */

import { expect, it } from 'vitest'
import type { TranscriptLine } from '../src/generated/wire.js'
import type { EventItem } from '../src/items.js'
import { LINES_SHOWN_MAX, MESSAGES_SHOWN_MAX } from '../src/limits.js'
import { appended, blank, edited, type MessagesShown, reacted, reduceMessages } from '../src/messages-shown.js'
import { mergedLines, reduceTranscript, type TranscriptShown } from '../src/transcript-shown.js'
import { seeded } from './clients.js'

const line = (segment: string, revision: number, startMs: number, seq: number): TranscriptLine => ({
  provider: 'p', segment, revision, speaker: 'ann', start_ms: startMs, end_ms: startMs + 1, text: `${segment}${revision}`, confidence: null, language: null, is_final: false, bucket: Math.floor(startMs / 1_000), seq
})
const event = ({ seq, ...data }: TranscriptLine): EventItem => ({ kind: 'event', seq, topic: 'transcript', type: 'transcript.added', at_ms: 0, by: 'ann', data: { ...data } })
const NOTHING: TranscriptShown = { lines: [], watermarkMs: 0, before: null }

it('[JS7.7] lines are in order of speech, one per segment in its newest revision, however they come (seeds 1 to 50)', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seeded(seed)
    const lines = Array.from({ length: 60 }, (_, seq) => line(`s${Math.floor(random() * 20)}`, Math.floor(random() * 4), Math.floor(random() * 9_000), seq))
    const shown = lines.reduce((now, one) => reduceTranscript(now, event(one)), NOTHING)
    expect(shown.lines, `seed ${seed}`).toEqual(mergedLines(lines.slice(0, 30), lines.slice(30)))
    const starts = shown.lines.map(one => one.start_ms)
    expect(starts).toEqual([...starts].sort((a, b) => a - b))
    expect(shown.watermarkMs).toBe(Math.max(...lines.map(one => one.end_ms)))
  }
})

it('[JS7.7] a view is bounded: what falls off can be paged to', () => {
  const lines = Array.from({ length: LINES_SHOWN_MAX }, (_, n) => line(`s${n}`, 0, n * 10, n))
  const shown = reduceTranscript({ lines, watermarkMs: 0, before: null }, event(line('new', 0, 10_000_000, LINES_SHOWN_MAX)))
  expect(shown.lines).toHaveLength(LINES_SHOWN_MAX)
  expect([shown.lines[0]?.segment, shown.before]).toEqual(['s1', 1_000])
  let messages: MessagesShown = { messages: [], more: false, leaf: 0 }
  for (let id = 1; id <= MESSAGES_SHOWN_MAX + 1; id++) messages = appended(messages, { ...blank('ann', 0), id })
  expect([messages.messages.length, messages.messages[0]?.id, messages.more]).toEqual([MESSAGES_SHOWN_MAX, 2, true])
})

it('[JS7.8] nothing changes a deleted message, and what is in the state already changes nothing', () => {
  const event = (seq: number, type: string, data: object): EventItem => ({ kind: 'event', seq, topic: 'messages', type, at_ms: 0, by: 'ann', data: { ...data } })
  const history = [
    event(1, 'message.posted', { parts: [{ type: 'text', text: 'one' }] }), event(2, 'message.edited', { id: 1, parts: [{ type: 'text', text: 'two' }] }), event(3, 'message.reacted', { id: 1, emoji: '+1', on: true })
  ]
  const once = history.reduce(reduceMessages, { messages: [], more: false, leaf: 0 })
  expect(history.reduce(reduceMessages, once)).toEqual(once)
  const gone = reduceMessages(once, event(4, 'message.deleted', { id: 1 }))
  expect(history.reduce(reduceMessages, gone)).toEqual(gone)
  expect(edited(reacted(gone, 1, '+1', 'bob', true), 1, [{ type: 'text', text: 'mine' }], 0)).toEqual(gone) // One's own, before the refusal.
})

it('[JS7.4] an emoji keeps its place while somebody is left who put it there', () => {
  const message = { ...blank('ann', 0), id: 1, reactions: { a: ['ann', 'bob'], b: ['ann'] } }
  const shown = appended({ messages: [], more: false, leaf: 0 }, message)
  const order = (user: string): string[] => Object.keys(reacted(shown, 1, 'a', user, user === 'cyd').messages[0]?.reactions ?? {})
  expect([order('bob'), order('cyd')]).toEqual([['a', 'b'], ['a', 'b']])
})

it('[C2.13] a reaction of a guest is taken back by the user that the guest has become', () => {
  const message = { ...blank('ann', 0), id: 1, reactions: { '+1': ['guest:g', 'bob'] } }
  const data = { id: 1, emoji: '+1', on: false, of: 'guest:g' }
  const event: EventItem = { kind: 'event', seq: 2, topic: 'messages', type: 'message.reacted', at_ms: 0, by: 'ann', data }
  const shown = reduceMessages(appended({ messages: [], more: false, leaf: 0 }, message), event)
  expect(shown.messages[0]?.reactions).toEqual({ '+1': ['bob'] })
})
