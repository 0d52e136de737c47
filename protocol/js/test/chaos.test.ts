/** Everything at once against a real server: writes, notes, cuts at random, kills. A seed repeats the order of events. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { type Collab, connect, type MessagesView, textOf } from '@collab/client'
import { NotesProvider } from '@collab/client/yjs'
import { seeded } from './clients.js'
import { Served } from './served.js'
import { until } from './until.js'

const SEED = Number(process.env['COLLAB_SEED'] ?? 7)
const ROUNDS = Number(process.env['COLLAB_ROUNDS'] ?? 2) // Each ends with a kill.
const STEPS = 60

let served: Served
const sockets = new Set<WebSocket>()

/** A socket that can be cut from outside, as a network does. */
class Cuttable extends WebSocket {
  constructor (url: string, subprotocols: string[]) {
    super(url, subprotocols)
    sockets.add(this)
    this.once('close', () => sockets.delete(this))
  }
}

beforeAll(async () => { served = await Served.open() })
afterAll(async () => { await served.close() })

const listOf = (notes: NotesProvider): Y.Array<number> => notes.doc.getArray('numbers')

interface Person { readonly collab: Collab, readonly messages: MessagesView, readonly notes: NotesProvider }

it(`[JS5.5] nothing is lost, doubled or different between three people (seed ${SEED}, ${ROUNDS} kills)`, async () => {
  const random = seeded(SEED)
  const people: Person[] = ['ann', 'bob', 'cem'].map((user, n) => {
    const collab = connect(served.url, { token: `dev:${user}`, WebSocket: Cuttable, encoding: n === 1 ? 'json' : 'msgpack' })
    const meeting = collab.meeting('chaos')
    return { collab, messages: meeting.messages(), notes: new NotesProvider(collab.client, meeting.name, new Y.Doc()) }
  })
  const some = (): Person => people[Math.floor(random() * people.length)]!
  const writes: Array<Promise<unknown>> = []
  const posted: string[] = []
  const written: number[] = []
  const step = async (n: number): Promise<void> => {
    const { messages, notes } = some()
    if (random() < 0.4) {
      posted.push(`m${n}`)
      writes.push(messages.post(`m${n}`))
    } else {
      const list = listOf(notes)
      written.push(n)
      list.insert(Math.floor(random() * (list.length + 1)), [n])
    }
    if (random() < 0.08) for (const socket of sockets) if (random() < 0.5) socket.terminate()
    if (random() < 0.5) await new Promise(resolve => setTimeout(resolve, random() * 20))
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < STEPS; n++) await step(round * 1_000 + n)
    await served.kill()
    for (let n = STEPS; n < STEPS + 10; n++) await step(round * 1_000 + n)
    await served.start()
  }
  await Promise.all(writes)
  await Promise.all(people.map(async ({ notes }) => await notes.saved()))
  const lists = people.map(({ notes }) => () => JSON.stringify(listOf(notes).toArray()))
  await until(() => new Set(lists.map(list => list())).size === 1)
  expect(listOf(people[0]!.notes).toArray().sort((a, b) => a - b)).toEqual(written)
  for (const { messages } of people) {
    const { messages: shown } = await messages.when(({ messages }) => messages.length >= posted.length)
    expect(shown.map(textOf).sort()).toEqual([...posted].sort())
    expect(shown.map(({ id }) => id)).toEqual(shown.map(({ id }) => id).sort((a, b) => a - b))
    expect(messages.getSnapshot().pending).toBe(0)
  }
  await Promise.all(people.map(async ({ collab }) => await collab.close()))
}, 600_000)
