/** The exchanges that the server and the Python client play, too: the three cannot drift. */

import { describe, expect, it } from 'vitest'
import { json, msgpack } from '../src/codec.js'
import { withVirtualTime, opened } from './clients.js'
import { Player } from './player.js'
import { clientCases } from './recorded.js'

withVirtualTime()

const cases = clientCases()

it('[JS5.4] there are cases to play', () => {
  expect(cases.length).toBeGreaterThan(10)
})

describe.each([json, msgpack])('[JS5.4] over $subprotocol', codec => {
  it.each(cases)('$name: $about', async recorded => {
    const player = new Player(recorded, codec)
    const token = String(recorded.values['$token'] ?? 'token-1')
    const client = opened('ws://case/v1', { token, codec, WebSocket: player.Socket })
    await player.run(client)
  })
})
