/** What becomes of edits when a server says no, or nothing; under virtual time. */

import { describe, expect, it, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { json, msgpack } from '../src/codec.js'
import { asBytes, toBase64 } from '../src/bytes.js'
import { NOTES_UNSENT_UPDATES_MAX } from '../src/limits.js'
import type { Present } from '../src/messages.js'
import { Carets } from '../src/yjs/carets.js'
import { LiveNotes, NotesProvider } from '../src/yjs/index.js'
import { Unsent } from '../src/yjs/unsent.js'
import { open, pass, withVirtualTime } from './clients.js'
import { type Answering, WireServer } from './wire-server.js'

withVirtualTime()

const TARGET = 'meeting:m1'
const refusal = (code: string, retryable = false): Answering =>
  ({ t: 'error', code, message: code, retryable, retry_after_ms: null, error_id: null })

/** A server that has one document and takes edits of it, unless `verdict` says otherwise. */
class NotesServer extends WireServer {
  doc = new Y.Doc()
  verdicts: Answering[] = []
  readonly edits: Uint8Array[] = [] // As they came, refused ones included.

  constructor (codec = msgpack) {
    super(codec)
    const carried = (bytes: Uint8Array): unknown => codec === json ? toBase64(bytes) : bytes
    this.snapshot = () => ({
      notes: { update: carried(Y.encodeStateAsUpdate(this.doc)), state_vector: carried(Y.encodeStateVector(this.doc)) }
    })
    this.respond = call => {
      const update = asBytes(call.args?.['update'])
      this.edits.push(update)
      const verdict = this.verdicts.shift()
      if (verdict !== undefined) return verdict
      Y.applyUpdate(this.doc, update)
      return { t: 'reply', value: {}, seq: 1 }
    }
  }

  get text (): string { return this.doc.getText('t').toString() }
}

const write = (provider: NotesProvider, words: string): void => provider.doc.getText('t').insert(0, words)

describe.each([json, msgpack])('over $subprotocol', codec => {
  it('[JS6.2] what is written while one edit is on its way is one more edit', async () => {
    const server = new NotesServer(codec)
    const provider = new NotesProvider(open(server), TARGET, new Y.Doc())
    await pass()
    for (const letter of 'ollah') write(provider, letter)
    expect(provider.getSnapshot()).toMatchObject({ isSaved: false, unsavedEdits: 5 })
    await pass()
    expect(server.text).toBe('hallo')
    expect(server.edits).toHaveLength(2)
    expect(provider.getSnapshot()).toMatchObject({ status: 'live', isSaved: true, unsavedEdits: 0 })
  })
})

it('[JS6.7] a server that lacks history is given everything; one that fails is tried again', async () => {
  const server = new NotesServer()
  const provider = new NotesProvider(open(server), TARGET, new Y.Doc())
  await pass()
  write(provider, 'one ')
  await pass()
  server.verdicts = [refusal('notes_missing_history'), refusal('internal', true), refusal('internal', true)]
  write(provider, 'two ')
  await pass(5_000)
  expect(server.edits).toHaveLength(5)
  const whole = new Y.Doc()
  Y.applyUpdate(whole, server.edits.at(-1)!)
  expect(whole.getText('t').toString()).toBe('two one ')
  expect(provider.getSnapshot().isSaved).toBe(true)
})

it('[JS6.7] an edit that has no answer is sent again with what was written since, also over a new connection', async () => {
  const server = new NotesServer()
  const provider = new NotesProvider(open(server), TARGET, new Y.Doc())
  await pass()
  server.verdicts = [null]
  write(provider, 'one ')
  await pass()
  write(provider, 'two ')
  expect(server.text).toBe('')
  server.cut()
  await pass(5_000)
  expect(server.text).toBe('two one ')
  await provider.saved()
})

it('[JS6.5] what is too large, or refused again and again, is handed out', async () => {
  const server = new NotesServer()
  const large = new NotesProvider(open(server), TARGET, new Y.Doc())
  await pass()
  write(large, 'x'.repeat(1_100_000))
  await pass()
  expect(large.getSnapshot()).toMatchObject({ status: 'ended', refused: { code: 'notes_too_large' } })
  await expect(large.saved()).rejects.toMatchObject({ name: 'EditsRefused', code: 'notes_too_large' })
  const failing = new NotesProvider(open(server), TARGET, new Y.Doc())
  await pass()
  server.verdicts = Array.from({ length: 6 }, () => refusal('internal', true))
  write(failing, 'y')
  await pass(60_000)
  expect(failing.getSnapshot()).toMatchObject({ status: 'ended', refused: { code: 'internal' } })
})

it('[JS6.5] after a restore the new history counts, and what was not saved is sent whole and handed out', async () => {
  const server = new NotesServer()
  const live = new LiveNotes(open(server), TARGET)
  await pass()
  const first = live.getSnapshot().provider
  write(first, 'saved ')
  await pass()
  server.verdicts = [null]
  write(first, 'unsaved ')
  await pass()
  server.doc = new Y.Doc()
  server.doc.getText('t').insert(0, 'restored')
  server.log(TARGET).epoch = 'e2'
  server.verdicts = [null, refusal('notes_branched')]
  server.cut()
  await pass(5_000)
  const { provider, refused } = live.getSnapshot()
  expect(refused).toEqual([expect.objectContaining({ code: 'history_rewritten' })])
  expect(provider.doc.getText('t').toString()).toBe('restored')
  const sent = new Y.Doc()
  Y.applyUpdate(sent, server.edits.at(-1)!)
  expect(sent.getText('t').toString()).toBe('unsaved saved ')
  expect(provider.getSnapshot()).toMatchObject({ status: 'live', isSaved: true })
})

it('[JS6.5] after the end the notes go on, once', async () => {
  const server = new NotesServer()
  const live = new LiveNotes(open(server), TARGET)
  await pass()
  for (const status of ['live', 'ended']) {
    const [connection] = server.connections
    const { ref } = connection!.subscriptions.get(TARGET)!
    connection!.subscriptions.delete(TARGET)
    connection!.send({ t: 'ended', ref, target: TARGET, code: 'concluded', message: '', retryable: false })
    await pass()
    expect(live.getSnapshot().provider.getSnapshot().status).toBe(status)
  }
  expect(server.messages('subscribe')).toHaveLength(2)
})

it('[JS6.9] what was written right before the notes are closed is saved, also when the client is closed next', async () => {
  const server = new NotesServer()
  for (const [closesClient, words] of [[false, 'first '], [true, 'second ']] as const) {
    const client = open(server)
    const live = new LiveNotes(client, TARGET)
    await pass()
    const { provider } = live.getSnapshot()
    for (const letter of [...words].reverse()) write(provider, letter)
    live.close()
    live.close()
    if (closesClient) void client.close()
    else await Promise.all([provider.saved(), pass()])
    await pass()
    expect(server.text).toContain(words)
    expect(server.edits).toHaveLength(closesClient ? 4 : 2) // What was on its way, and all there is.
  }
})

it('[JS6.9] what was written right before the end without a connection is saved when there is one', async () => {
  const server = new NotesServer()
  const provider = new NotesProvider(open(server), TARGET, new Y.Doc())
  await pass()
  server.isUp = false
  server.cut()
  write(provider, 'in a tunnel')
  provider.destroy()
  await pass(90_000)
  expect(provider.getSnapshot()).toMatchObject({ status: 'ended', isSaved: false })
  server.isUp = true
  await Promise.all([provider.saved(), pass(60_000)])
  expect(server.text).toBe('in a tunnel')
})

it('[JS6.9] what is refused after the notes were closed is handed out, and opens nothing', async () => {
  const server = new NotesServer()
  const live = new LiveNotes(open(server), TARGET)
  await pass()
  const { provider } = live.getSnapshot()
  server.verdicts = [refusal('conflict'), refusal('conflict')]
  write(provider, 'too late')
  live.close()
  await Promise.all([expect(provider.saved()).rejects.toMatchObject({ code: 'conflict' }), pass()])
  expect(live.getSnapshot()).toMatchObject({ provider, refused: [{ code: 'conflict' }], error: null })
  expect(server.messages('subscribe')).toHaveLength(1)
})

it('[JS6.10] an end for good is told by the notes too, with what was not saved; an editor that ends its provider opens none', async () => {
  const server = new NotesServer()
  for (const end of ['removed', 'destroyed']) {
    const live = new LiveNotes(open(server), TARGET)
    await pass()
    const { provider } = live.getSnapshot()
    let told = 0
    live.subscribe(() => { told++ })
    const before = server.messages('subscribe').length
    server.verdicts = [null]
    write(provider, 'unsaved')
    await pass()
    const connection = server.connections.at(-1)!
    const { ref } = connection.subscriptions.get(TARGET)!
    connection.subscriptions.delete(TARGET)
    if (end === 'removed') connection.send({ t: 'ended', ref, target: TARGET, code: 'permission_denied', message: '', retryable: false })
    else provider.destroy()
    await pass()
    expect(server.messages('subscribe')).toHaveLength(before)
    expect(live.getSnapshot().provider).toBe(provider)
    if (end === 'removed') {
      expect(live.getSnapshot()).toMatchObject({ error: { code: 'permission_denied' }, refused: [{ code: 'unsaved' }] })
      expect(told).toBe(1)
    }
  }
})

it('[JS6.11] notes that have ended keep no timer', async () => {
  const server = new NotesServer()
  for (const end of ['closed', 'destroyed', 'refused']) {
    const client = open(server)
    await pass()
    const timers = vi.getTimerCount()
    const provider = new NotesProvider(client, TARGET, new Y.Doc())
    await pass()
    expect(vi.getTimerCount()).toBe(timers + 1)
    server.verdicts = end === 'refused' ? [refusal('conflict')] : []
    if (end === 'closed') void client.close()
    else if (end === 'refused') write(provider, 'x')
    else provider.destroy()
    await pass(3_000)
    expect(vi.getTimerCount()).toBeLessThanOrEqual(timers)
  }
})

it('[JS6.6] when the client closes, what was not saved is handed out', async () => {
  const server = new NotesServer()
  const client = open(server)
  const provider = new NotesProvider(client, TARGET, new Y.Doc())
  await pass()
  server.verdicts = [null]
  write(provider, 'lost?')
  await pass()
  void client.close()
  await pass()
  expect(provider.getSnapshot()).toMatchObject({ status: 'ended', isSaved: false })
  const kept = new Y.Doc()
  Y.applyUpdate(kept, provider.unsaved()!.update)
  expect(kept.getText('t').toString()).toBe('lost?')
})

it('[JS6.2] a long time without a connection is kept merged, and nothing of it is lost', () => {
  const unsent = new Unsent()
  const doc = new Y.Doc()
  doc.on('update', update => unsent.add(update))
  let words = ''
  for (let n = 0; n < 5 * NOTES_UNSENT_UPDATES_MAX; n++) {
    doc.getText('t').insert(words.length, `${n} `)
    words += `${n} `
  }
  expect(unsent.length).toBeLessThanOrEqual(2 * NOTES_UNSENT_UPDATES_MAX)
  const other = new Y.Doc()
  for (let update = unsent.take(); update !== null; update = unsent.take()) {
    Y.applyUpdate(other, update)
    unsent.settle()
  }
  expect(other.getText('t').toString()).toBe(words)
})

it('[JS6.4] who comes back in another session is shown again, with the clock that they left with; nonsense is not', () => {
  const awareness = new Awareness(new Y.Doc())
  const carets = new Carets(awareness, 'origin')
  const shows = (state: unknown): Present => ({ user: 'bob', state: { yjs: { 77: state } } })
  const take = (sessions: Record<string, Present | null>, full = false): void =>
    carets.take({ kind: 'presence', sessions: new Map(Object.entries(sessions)), full }, 'own')
  const seen = (): unknown => awareness.getStates().get(77)
  take({ s1: shows({ clock: 3, state: { at: 1, userId: 'ann' } }) })
  expect(seen()).toEqual({ at: 1, userId: 'bob' })
  take({ s1: null })
  expect(seen()).toBeUndefined()
  take({ s2: shows({ clock: 3, state: { at: 1 } }) })
  expect(seen()).toEqual({ at: 1, userId: 'bob' })
  take({ s3: { user: 'cem', state: null } }, true)
  expect(seen()).toBeUndefined()
  for (const wrong of [null, 1, [], {}, { clock: -1, state: {} }, { clock: 1, state: [] }, { clock: 'x', state: {} }]) take({ s4: shows(wrong) })
  take({ s5: { user: 'eve', state: { yjs: { [awareness.clientID]: { clock: 9, state: { mine: false } }, x: { clock: 1, state: {} } } } } })
  take({ own: shows({ clock: 9, state: {} }) })
  expect([...awareness.getStates().keys()]).toEqual([awareness.clientID])
  expect(awareness.getLocalState()).toEqual({})
  awareness.destroy()
})
