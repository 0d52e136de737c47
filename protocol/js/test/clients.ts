/** Clients of a server in memory, closed when their test ends, and numbers that a seed repeats. */

import { afterEach, beforeEach, vi } from 'vitest'
import { Client, type ClientOptions } from '../src/client.js'
import type { Item } from '../src/items.js'
import type { Follower } from '../src/follower.js'
import type { WireServer } from './wire-server.js'

const clients: Client[] = []

/** Makes time virtual for every test of the file. */
export function withVirtualTime (): void {
  beforeEach(() => { vi.useFakeTimers() })
  afterEach(async () => {
    const closing = Promise.all(clients.splice(0).map(async client => await client.close()))
    await vi.advanceTimersByTimeAsync(3_000)
    await closing
    vi.useRealTimers()
  })
}

/** Opens a client of `server`. */
export function open (server: WireServer, options: Partial<ClientOptions> = {}): Client {
  return opened('ws://server/v1', { token: 't', codec: server.codec, WebSocket: server.Socket, ...options })
}

/** Opens a client that is closed when its test ends. */
export function opened (url: string, options: ClientOptions): Client {
  const client = new Client(url, { random: () => 0.5, ...options })
  clients.push(client)
  return client
}

/** Lets virtual time pass. */
export async function pass (ms = 50): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

/** Reads a follower into a list, to its end. */
export function collect (follower: Follower): { readonly items: Item[], readonly end: Promise<unknown> } {
  const items: Item[] = []
  const end = (async () => {
    try {
      for await (const item of follower) items.push(item)
      return null
    } catch (error) {
      return error
    }
  })()
  return { items, end }
}

/** What a follower of `n`s knows: the snapshot's, and those that came after. */
export function numbers (items: readonly Item[], topic = 'log'): unknown[] {
  let known: unknown[] = []
  for (const item of items) {
    if (item.kind === 'snapshot') known = [...item.topics[topic] as unknown[]]
    else if (item.kind === 'event' && item.topic === topic) known.push(item.data['n'])
  }
  return known
}

/** Mulberry32: numbers in [0, 1) that a seed repeats. */
export function seeded (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
