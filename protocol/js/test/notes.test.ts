/** Shared notes over the client's one connection, against a real server. */

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { type Collab, connect } from '@collab/client'
import { LiveNotes, NotesProvider } from '@collab/client/yjs'
import { seeded } from './clients.js'
import { Served } from './served.js'
import { until } from './until.js'

let served: Served
const opened: Collab[] = []
const sockets: WebSocket[] = []

beforeAll(async () => { served = await Served.open() })
afterAll(async () => { await served.close() })
afterEach(async () => { await Promise.all(opened.splice(0).map(async one => await one.close())) })

/** A socket that can be cut from outside, as a network does. */
class Cuttable extends WebSocket {
  constructor (url: string, subprotocols: string[]) {
    super(url, subprotocols)
    sockets.push(this)
  }
}

function open (user: string, encoding: 'msgpack' | 'json' = 'msgpack'): Collab {
  const collab = connect(served.url, { token: `dev:${user}`, WebSocket: Cuttable, encoding })
  opened.push(collab)
  return collab
}

function notes (user: string, key: string, encoding?: 'msgpack' | 'json', doc = new Y.Doc()): NotesProvider {
  return new NotesProvider(open(user, encoding).client, `meeting:${key}`, doc)
}

const text = (provider: NotesProvider): Y.Text => provider.doc.getText('codemirror')

it.each(['msgpack', 'json'] as const)('[JS6.1] what one writes the others read (%s)', async encoding => {
  const ann = notes('ann', `shared-${encoding}`, encoding)
  const bob = notes('bob', `shared-${encoding}`, encoding)
  await Promise.all([ann.synced(), bob.synced()])
  text(ann).insert(0, 'hello 🎉')
  expect(ann.getSnapshot().isSaved).toBe(false)
  await ann.saved()
  await until(() => text(bob).toString() === 'hello 🎉')
  text(bob).insert(5, ',')
  await until(() => text(ann).toString() === 'hello, 🎉')
})

it('[JS6.2] edits without a connection, and edits brought along, are merged when there is one', async () => {
  const doc = new Y.Doc()
  doc.getText('codemirror').insert(0, 'brought ')
  const ann = notes('ann', 'offline', 'msgpack', doc)
  await ann.saved()
  const bob = notes('bob', 'offline')
  await bob.synced()
  await served.kill()
  text(ann).insert(8, 'ann ')
  text(bob).insert(8, 'bob ')
  text(bob).insert(0, '> ')
  await served.start()
  await Promise.all([ann.saved(), bob.saved()])
  await until(() => text(ann).toString() === text(bob).toString())
  expect(text(ann).toString()).toMatch(/^> brought (ann bob |bob ann )$/)
})

it('[JS6.9] nothing of what is typed right before the notes, and the client, are closed is lost', async () => {
  const reader = notes('ann', 'closing')
  await reader.synced()
  let written = ''
  for (let n = 0; n < 20; n++) {
    const collab = open('bob')
    const live = new LiveNotes(collab.client, 'meeting:closing')
    const { provider } = live.getSnapshot()
    await provider.synced()
    for (let word = 0; word < 1 + n % 3; word++) {
      written += `${n}.${word};`
      text(provider).insert(text(provider).length, `${n}.${word};`)
    }
    live.close()
    if (n % 2 === 0) await provider.saved()
    await collab.close()
    await until(() => text(reader).toString() === written)
  }
})

it('[JS6.3] two replicas converge however often lines break (seed 11)', async () => {
  const random = seeded(11)
  const providers = [notes('ann', 'random'), notes('bob', 'random', 'json'), notes('cem', 'random')]
  await Promise.all(providers.map(async provider => await provider.synced()))
  for (let n = 0; n < 150; n++) {
    const shared = text(providers[Math.floor(random() * providers.length)]!)
    const at = Math.floor(random() * (shared.length + 1))
    if (random() < 0.7) shared.insert(at, `${n};`)
    else shared.delete(Math.min(at, Math.max(0, shared.length - 3)), Math.min(3, shared.length))
    if (random() < 0.06) sockets[Math.floor(random() * sockets.length)]!.terminate()
    if (random() < 0.3) await new Promise(resolve => setTimeout(resolve, random() * 15))
  }
  await Promise.all(providers.map(async provider => await provider.saved()))
  const [ann, bob, cem] = providers
  await until(() => text(ann!).toString() === text(bob!).toString() && text(ann!).toString() === text(cem!).toString())
  const fresh = notes('dee', 'random')
  await fresh.synced()
  expect(text(fresh).toString()).toBe(text(ann!).toString())
  expect(text(fresh).length).toBeGreaterThan(50)
})

it('[JS6.4] awareness is presence: seen by others under their true name, gone with its session, back after a cut', async () => {
  const ann = notes('ann', 'aware')
  const bob = notes('bob', 'aware')
  await Promise.all([ann.synced(), bob.synced()])
  ann.awareness.setLocalState({ user: { name: 'Ann' }, userId: 'bob', cursor: { index: 3 } })
  const seen = (): unknown => bob.awareness.getStates().get(ann.doc.clientID)
  await until(() => seen() !== undefined)
  expect(seen()).toEqual({ user: { name: 'Ann' }, userId: 'ann', cursor: { index: 3 } })
  const [first] = opened
  sockets.at(-2)!.terminate()
  await until(() => first!.client.connection.getSnapshot().phase !== 'live')
  await until(() => first!.client.connection.getSnapshot().shows === 'live')
  await until(() => seen() !== undefined)
  ann.destroy()
  await until(() => seen() === undefined)
})

it('[JS6.4] several editors of one document on one connection are all seen, and each goes alone', async () => {
  const { client } = open('ann')
  const [one, two] = [0, 1].map(() => new NotesProvider(client, 'meeting:editors', new Y.Doc())) as [NotesProvider, NotesProvider]
  const bob = notes('bob', 'editors')
  await Promise.all([one.synced(), two.synced(), bob.synced()])
  one.awareness.setLocalStateField('user', { name: 'one' })
  two.awareness.setLocalStateField('user', { name: 'two' })
  const seen = (): unknown[] => [one, two].map(({ doc }) => (bob.awareness.getStates().get(doc.clientID)?.['user'] as { name: string } | undefined)?.name)
  await until(() => seen().join() === 'one,two')
  two.destroy()
  await until(() => seen().join() === 'one,')
})

it('[JS6.5] refused edits are handed out, and a new document goes on with the servers', async () => {
  const host = open('host').meeting('refusing')
  const writer = new NotesProvider(host.client, host.name, new Y.Doc())
  text(writer).insert(0, 'the minutes')
  await writer.saved()
  const live = new LiveNotes(open('guest').client, 'meeting:refusing')
  const first = live.getSnapshot().provider
  first.awareness.setLocalStateField('user', { name: 'Guest' })
  await first.synced()
  await host.do('meeting.end')
  await until(() => live.getSnapshot().provider !== first) // What is left can still be read.
  const second = live.getSnapshot().provider
  await second.synced()
  text(second).insert(0, 'graffiti on ')
  await until(() => live.getSnapshot().refused.length === 1)
  const { provider, refused } = live.getSnapshot()
  expect(refused[0]).toMatchObject({ code: 'conflict' })
  const kept = new Y.Doc()
  Y.applyUpdate(kept, refused[0]!.state)
  expect(kept.getText('codemirror').toString()).toBe('graffiti on the minutes')
  await provider.synced()
  expect(text(provider).toString()).toBe('the minutes')
  expect(provider.awareness.getLocalState()).toMatchObject({ user: { name: 'Guest' } })
  live.close()
})

it('[JS6.6] who is removed is told at once, and what was not saved is handed out', async () => {
  const host = open('host').meeting('removing')
  await host.do('messages.post', { text: 'mine' })
  const guest = notes('guest', 'removing')
  await guest.synced()
  await host.do('participants.remove', { user_id: 'guest' })
  await until(() => guest.getSnapshot().status === 'ended')
  expect(guest.getSnapshot()).toMatchObject({ error: { name: 'SubscriptionEnded', code: 'permission_denied' }, refused: null })
  expect(guest.unsaved()).toBeNull()
  await expect(guest.synced()).rejects.toThrow()
})

it('[JS6.8] editors that come through the servers Yjs door share text and awareness with us', async () => {
  const ann = notes('ann', 'doors')
  await ann.synced()
  ann.awareness.setLocalState({ user: { name: 'Ann' } })
  const theirs = new Y.Doc()
  const bob = new WebsocketProvider(served.url.replace('http', 'ws') + '/yjs', 'doors', theirs, {
    params: { token: 'dev:bob' }, WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true
  })
  bob.awareness.setLocalState({ user: { name: 'Bob' }, userId: 'ann' })
  await until(() => bob.synced)
  theirs.getText('codemirror').insert(0, 'from the door, ')
  await until(() => text(ann).toString() === 'from the door, ')
  text(ann).insert(text(ann).length, 'over the wire')
  await until(() => theirs.getText('codemirror').toString() === 'from the door, over the wire')
  await until(() => bob.awareness.getStates().get(ann.doc.clientID) !== undefined)
  expect(bob.awareness.getStates().get(ann.doc.clientID)).toEqual({ user: { name: 'Ann' }, userId: 'ann' })
  await until(() => ann.awareness.getStates().get(theirs.clientID) !== undefined)
  expect(ann.awareness.getStates().get(theirs.clientID)).toEqual({ user: { name: 'Bob' }, userId: 'bob' })
  bob.destroy()
  await until(() => ann.awareness.getStates().get(theirs.clientID) === undefined)
})
