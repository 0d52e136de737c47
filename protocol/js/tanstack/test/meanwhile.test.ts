/** What happens while TanStack fetches, where a real server would have to be very slow. */

import { InfiniteQueryObserver, MutationObserver, QueryClient, QueryObserver } from '@tanstack/query-core'
import { afterEach, expect, it } from 'vitest'
import { Collab, type Message } from '@collab/client'
import { type CachedMessage, type CollabQueries, collabQueries, type LiveMessages, type MessagePage, type MessagePages } from '@collab/tanstack'
import { open, pass, seeded, withVirtualTime } from '../../test/clients.js'
import { WireChat } from '../../test/wire-chat.js'
import { WireServer } from '../../test/wire-server.js'

withVirtualTime()

const endings: Array<() => void> = []
afterEach(() => { for (const end of endings.splice(0).reverse()) end() })

const NAME = 'chat:1'
type Watching = InfiniteQueryObserver<MessagePage, Error, MessagePages, LiveMessages['queryKey'], number | null>

class Page {
  readonly server = new WireServer()
  readonly chat = new WireChat(this.server, NAME)
  readonly queries = new QueryClient()
  readonly live: CollabQueries
  readonly observer: Watching

  constructor (count: number, options: { readonly timeoutMs?: number, readonly random?: () => number } = {}) {
    for (let n = 1; n <= count; n++) this.chat.post(`m${n}`)
    const { random, ...rest } = options
    this.live = collabQueries(new Collab(open(this.server, random === undefined ? {} : { random })), this.queries, rest)
    this.observer = new InfiniteQueryObserver(this.queries, this.live.messages(NAME))
    endings.push(() => this.queries.clear(), () => this.live.close(), this.observer.subscribe(() => {}))
  }

  get shown (): readonly CachedMessage[] {
    return [...this.observer.getCurrentResult().data?.pages ?? []].reverse().flatMap(page => page.messages)
  }

  get status (): string {
    const { status, fetchStatus } = this.observer.getCurrentResult()
    return `${status} ${fetchStatus}`
  }

  post (content: string): Promise<unknown> {
    return new MutationObserver(this.queries, this.live.post(NAME)).mutate({ content }).catch((error: unknown) => error)
  }

  /** What is shown is what the server has, and nothing else. */
  check (from: number | undefined, hint = ''): void {
    expect(bare(this.shown), hint).toEqual(bare(this.chat.since(from)))
  }
}

/** Without what only a message that comes as an event knows, or the order in which people reacted between two readings. */
function bare (messages: readonly Message[]): unknown[] {
  return messages.map(({ edited_ms: _, reactions, ...rest }) =>
    ({ ...rest, reactions: Object.entries(reactions).map(([emoji, users]) => [emoji, [...users].sort()]) }))
}

it('[JS9.5] what happens while an older page is on its way is not lost: posts, deletions, own writes', async () => {
  const page = new Page(30)
  await pass()
  page.chat.isHolding = true
  const fetching = page.observer.fetchNextPage()
  await pass()
  page.chat.post('from others')
  page.chat.delete(30)
  page.chat.edit(15, 'on the page that is on its way')
  const mine = page.post('mine')
  await pass()
  expect(page.status).toBe('success fetching')
  page.check(21)
  page.chat.release()
  await Promise.all([fetching, mine, pass()])
  expect(page.status).toBe('success idle')
  page.check(11)
  page.chat.delete(15)
  await pass()
  page.check(11)
})

it('[JS9.5] of more than can be kept meanwhile the newest page is right, and the older can be fetched again', async () => {
  const page = new Page(30)
  await pass()
  page.chat.isHolding = true
  const fetching = page.observer.fetchNextPage()
  await pass()
  for (let n = 0; n < 1_200; n++) page.chat.edit(21 + n % 5, `edit ${n}`)
  await pass()
  page.chat.release()
  await Promise.all([fetching, pass()])
  page.check(21)
  page.chat.isHolding = false
  await Promise.all([page.observer.fetchNextPage(), pass()])
  page.check(11)
})

it('[JS9.6] own writes show whatever is fetched, and go when they are refused', async () => {
  const page = new Page(30)
  await pass()
  await Promise.all([page.observer.fetchNextPage(), pass()])
  page.chat.isHolding = true
  const answer = page.server.respond
  page.server.respond = call => call.op === 'messages.page' ? answer(call) : null
  const fetching = page.observer.refetch()
  await pass()
  const [mine, edit] = [page.post('refused'), new MutationObserver(page.queries, page.live.edit(NAME)).mutate({ id: 30, text: 'refused' }).catch((error: unknown) => error)]
  await pass()
  const texts = (): unknown[] => page.shown.slice(-2).map(({ parts: [part], isPending }) => [(part as { text: string }).text, isPending === true])
  expect(texts()).toEqual([['refused', false], ['refused', true]])
  page.chat.release()
  await Promise.all([fetching, pass()])
  expect([page.shown.length, texts()]).toEqual([21, [['refused', false], ['refused', true]]])
  page.chat.isHolding = false
  page.chat.isClosed = true
  page.server.respond = answer
  page.server.cut() // The calls are sent again, and refused now.
  await pass(5_000)
  expect([await mine, await edit]).toMatchObject([{ code: 'conflict' }, { code: 'conflict' }])
  page.check(11)
})

it('[JS9.6] a refused post does not come back with a fetch that began while it showed', async () => {
  const page = new Page(30)
  await pass()
  const answer = page.server.respond
  page.server.respond = call => call.op === 'messages.page' ? answer(call) : null
  const mine = page.post('refused')
  await pass()
  page.chat.isHolding = true
  const fetching = page.observer.fetchNextPage() // TanStack keeps the first page as it is now.
  await pass()
  page.chat.isClosed = true
  page.server.respond = answer
  page.server.cut()
  await pass(5_000)
  expect(await mine).toMatchObject({ code: 'conflict' })
  page.chat.release()
  await Promise.all([fetching, pass()])
  page.check(11)
})

it('[JS9.6] a post that was answered stays until its event comes, and takes no other that says the same with it', async () => {
  const page = new Page(1)
  await pass()
  page.chat.isQuiet = true
  await Promise.all([page.post('same'), pass()])
  const answer = page.server.respond
  page.server.respond = () => null
  const second = page.post('same')
  await pass()
  const shown = (): unknown[] => page.shown.map(({ id, isPending }) => [id, isPending === true])
  expect(shown()).toEqual([[1, false], [2, false], [0, true]])
  page.server.publish(NAME)
  await pass()
  expect(shown()).toEqual([[1, false], [2, false], [0, true]])
  page.server.respond = answer
  page.chat.isQuiet = false
  page.server.cut()
  await pass(5_000)
  expect(await second).toMatchObject({ id: 3 })
  page.check(1)
})

it('[JS9.6] what was answered in a history that is no more does not show in the next', async () => {
  const page = new Page(1)
  await pass()
  page.chat.isQuiet = true
  await Promise.all([page.post('lost with the restored backup'), pass()])
  expect(page.shown).toHaveLength(2)
  page.chat.messages.pop()
  Object.assign(page.server.log(NAME), { epoch: 'e2', events: page.server.log(NAME).events.slice(0, 1) })
  page.server.cut()
  await pass(5_000)
  page.check(1)
})

it('[JS9.7] a fetch that is cancelled ends nothing: neither the first page, nor an older one, nor the first of all', async () => {
  const page = new Page(30)
  const key = { queryKey: page.live.messages(NAME).queryKey }
  await page.queries.cancelQueries(key)
  expect(page.status).toBe('pending idle')
  void page.observer.refetch()
  await pass()
  page.check(21)
  await Promise.all([page.observer.fetchNextPage(), pass()])
  page.chat.isHolding = true
  for (const ms of [0, 1, 50]) {
    void page.observer.refetch()
    await pass(ms)
    page.chat.post(`meanwhile ${ms}`)
    await page.queries.cancelQueries(key)
    page.chat.post(`after ${ms}`)
    await pass()
    expect(page.status).toBe('success idle')
    page.check(11)
  }
  expect(page.server.messages('subscribe')).toHaveLength(1) // None of the fetches is what follows.
})

it('[JS9.7] what the server ends stays an error, whatever is fetched, until it is fetched anew', async () => {
  const page = new Page(30)
  await pass()
  page.chat.isHolding = true
  const fetching = page.observer.fetchNextPage()
  await pass()
  const [connection] = page.server.connections
  connection!.send({ t: 'ended', ref: page.server.messages('subscribe').at(-1)!.ref, target: NAME, code: 'permission_denied', message: '', retryable: false })
  connection!.subscriptions.clear()
  await pass()
  page.chat.release()
  await Promise.all([fetching, pass()])
  expect([page.status, page.observer.getCurrentResult().error]).toMatchObject(['error idle', { code: 'permission_denied' }])
  page.chat.isClosed = true
  await Promise.all([page.post('refused'), page.observer.fetchNextPage(), pass()])
  expect(page.status).toBe('error idle')
  page.chat.isHolding = false
  await Promise.all([page.observer.refetch(), pass()])
  expect(page.status).toBe('success idle')
  page.check(page.shown[0]?.id)
  page.chat.post('live again')
  await pass()
  page.check(page.shown[0]?.id)
})

it('[JS9.1] what was restored is fetched when it shows, and followed from then on', async () => {
  const page = new Page(30)
  await pass()
  const { queryKey } = page.live.messages(NAME)
  const mine = page.post('open as it was stored')
  const stored: unknown = JSON.parse(JSON.stringify(page.queries.getQueryData(queryKey)))
  await Promise.all([mine, pass()])
  const queries = new QueryClient()
  queries.setQueryData(queryKey, stored as MessagePages)
  const live = collabQueries(new Collab(open(page.server)), queries)
  const observer: Watching = new InfiniteQueryObserver(queries, live.messages(NAME))
  endings.push(() => queries.clear(), () => live.close(), observer.subscribe(() => {}))
  const shown = (): readonly Message[] => observer.getCurrentResult().data?.pages[0]?.messages ?? []
  expect(shown()).toHaveLength(10)
  await pass()
  page.chat.post('live')
  await pass()
  expect(bare(shown())).toEqual(bare(page.chat.since(22)))
  expect(observer.getCurrentResult().isStale).toBe(false)
})

it('[JS9.5] a view that moves on between its first state and the end of the fetch is what is cached', async () => {
  const server = new WireServer()
  const queries = new QueryClient()
  const live = collabQueries(new Collab(open(server)), queries)
  let tell = (): void => {}
  let n = 1
  const view = { subscribe: (listener: () => void) => { tell = listener; return () => {} }, getSnapshot: () => ({ status: 'live' as const, state: n, error: null, pending: 0 }), close: () => {} }
  const shape = live.live({ name: NAME, view: () => view as never }, { topics: [], load: () => 0, reduce: (state: number) => state }, 'n')
  const observer = new QueryObserver(queries, shape)
  endings.push(() => queries.clear(), () => live.close(), observer.subscribe(() => {}))
  await Promise.resolve()
  n = 2
  tell()
  await pass()
  expect([observer.getCurrentResult().data, queries.getQueryData(shape.queryKey)]).toEqual([2, 2])
})

it('[JS9.8] a write without a connection waits a day, or as long as one says', async () => {
  for (const [timeoutMs, waits] of [[undefined, 23 * 3_600_000], [90_000, 80_000]] as const) {
    const page = new Page(1, timeoutMs === undefined ? {} : { timeoutMs })
    await pass()
    page.server.isUp = false
    page.server.cut()
    let end: unknown = 'none'
    void page.post('later').then(answer => { end = answer })
    await pass(waits)
    expect([end, page.shown.length]).toEqual(['none', 2])
    if (timeoutMs === undefined) page.server.isUp = true
    await pass(60_000)
    expect(end).toMatchObject(timeoutMs === undefined ? { id: 2 } : { name: 'CallAbandoned' })
    page.check(1)
  }
})

it('[JS9.5] whatever happens while whatever is fetched: what is cached equals history (seeds 1 to 40)', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed)
    const page = new Page(50, { random })
    const { chat, observer, queries, live } = page
    const key = { queryKey: live.messages(NAME).queryKey }
    await pass()
    for (let n = 0; n < 60; n++) {
      const some = chat.messages[Math.floor(random() * chat.messages.length)]!.id
      const dice = random()
      if (dice < 0.15) chat.post(`m${n}`)
      else if (dice < 0.25) chat.edit(some, `e${n}`)
      else if (dice < 0.3) chat.delete(some)
      else if (dice < 0.4) chat.react(some, '+1', random() < 0.5, random() < 0.5 ? 'bob' : 'eve')
      else if (dice < 0.45) void page.post(`p${n}`)
      else if (dice < 0.5) void new MutationObserver(queries, live.react(NAME)).mutate({ id: some, emoji: '+1' }).catch(() => {})
      else if (dice < 0.65) void observer.fetchNextPage()
      else if (dice < 0.7) void observer.refetch()
      else if (dice < 0.75) void queries.cancelQueries(key)
      else if (dice < 0.8) page.server.cut()
      else if (dice < 0.85) chat.isClosed = !chat.isClosed
      else if (dice < 0.92) chat.isHolding = !chat.isHolding
      else chat.release()
      if (random() < 0.5) await pass(random() * 5)
    }
    chat.isHolding = false
    await pass(5_000)
    chat.release()
    await pass(5_000)
    expect([page.shown.length > 0, page.status], `seed ${seed}`).toEqual([true, 'success idle'])
    page.check(page.shown[0]?.id, `seed ${seed}`)
  }
})
