/** The options, in the observers that every framework's hooks are made of, against a real server. */

import {
  InfiniteQueryObserver, MutationObserver, onlineManager, QueryClient, QueryObserver
} from '@tanstack/query-core'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Collab, connect, textOf } from '@collab/client'
import { type ChatName, CollabQueries, collabQueries, type LiveMessages, type MessagePage, type MessagePages } from '@collab/tanstack'
import { Served } from '../../test/served.js'
import { until } from '../../test/until.js'

let served: Served
const endings: Array<() => unknown> = []

beforeAll(async () => { served = await Served.open() })
afterAll(async () => { await served.close() })
afterEach(async () => { await Promise.all(endings.splice(0).reverse().map(async end => await end())) })

interface Page { readonly collab: Collab, readonly queries: QueryClient, readonly live: CollabQueries }

function open (user: string): Page {
  const collab = connect(served.url, { token: `dev:${user}`, WebSocket })
  const queries = new QueryClient()
  const live = collabQueries(collab, queries)
  endings.push(async () => { await collab.close() }, () => live.close(), () => queries.clear())
  return { collab, queries, live }
}

type Watching = InfiniteQueryObserver<MessagePage, Error, MessagePages, LiveMessages['queryKey'], number | null>

/** Watches the messages; returns what is shown, oldest first. */
function watch ({ queries, live }: Page, name: ChatName): { texts: () => string[], observer: Watching } {
  const observer: Watching = new InfiniteQueryObserver(queries, live.messages(name))
  endings.push(observer.subscribe(() => {}))
  const texts = (): string[] => [...observer.getCurrentResult().data?.pages ?? []].reverse().flatMap(page => page.messages.map(textOf))
  return { texts, observer }
}

it('[JS9.1] a query is fetched once, and live events keep it fresh', async () => {
  const page = open('ann')
  const observer = new QueryObserver(page.queries, page.live.meeting('query-room'))
  endings.push(observer.subscribe(() => {}))
  const room = (): string => {
    const { data } = observer.getCurrentResult()
    return `${data?.meeting.status} ${[...data?.participants.keys() ?? []].join()}`
  }
  await until(() => room() === 'live ann')
  const guest = open('bob').collab.meeting('query-room')
  await guest.do('messages.post', { text: 'hi' })
  await until(() => room() === 'live ann,bob')
  expect(observer.getCurrentResult()).toMatchObject({ isStale: false, fetchStatus: 'idle', status: 'success' })
  await page.collab.meeting('query-room').do('meeting.end')
  await until(() => room() === 'ended ann,bob')
})

it('[JS9.2] messages are an infinite query: events go into the right page, older ones are fetched', async () => {
  const bob = open('bob').collab.meeting('query-pages')
  for (let n = 0; n < 120; n++) await bob.do('messages.post', { text: String(n) })
  const page = open('ann')
  const { texts, observer } = watch(page, 'meeting:query-pages')
  await until(() => texts().length > 0)
  const first = texts().length
  expect(first).toBeLessThanOrEqual(120)
  for (let n = 0; observer.getCurrentResult().hasNextPage && n < 10; n++) await observer.fetchNextPage()
  expect(texts()).toEqual(Array.from({ length: 120 }, (_, n) => String(n)))
  const oldest = observer.getCurrentResult().data!.pages.at(-1)!.messages[0]!
  await bob.do('messages.edit', { id: oldest.id, text: 'edited' })
  await bob.do('messages.post', { text: 'newest' })
  await until(() => texts()[0] === 'edited' && texts().at(-1) === 'newest')
  expect(texts()).toHaveLength(121)
  await observer.refetch()
  await bob.do('messages.post', { text: 'after all was fetched again' })
  await until(() => texts().at(-1) === 'after all was fetched again')
  expect([texts().length, texts()[0]]).toEqual([122, 'edited'])
})

it('[JS9.3] a mutation shows at once and once, without a connection too; a refused one is rolled back', async () => {
  const page = open('ann')
  const name = 'meeting:query-post'
  const { texts, observer } = watch(page, name)
  await until(() => page.queries.getQueryData(page.live.messages(name).queryKey) !== undefined)
  const post = new MutationObserver(page.queries, page.live.post(name))
  const done = post.mutate({ content: 'one' })
  await until(() => texts().length === 1)
  await done
  expect(texts()).toEqual(['one'])
  await served.kill()
  onlineManager.setOnline(false) // As TanStack sees it; the client sends all the same, when it can.
  const later = post.mutate({ content: 'two' })
  await until(() => texts().length === 2)
  await served.start()
  await later
  onlineManager.setOnline(true)
  await until(() => page.collab.client.connection.getSnapshot().shows === 'live')
  expect(texts()).toEqual(['one', 'two'])
  await page.collab.meeting('query-post').do('meeting.end')
  const seen: string[] = []
  endings.push(observer.subscribe(() => seen.push(texts().join())))
  await expect(post.mutate({ content: 'three' })).rejects.toMatchObject({ code: 'conflict' })
  expect(seen).toContain('one,two,three')
  expect(texts()).toEqual(['one', 'two'])
  expect(observer.getCurrentResult()).toMatchObject({ status: 'success' }) // What is left can be read.
})

it('[JS9.3] edits, reactions and deletions are optimistic, too', async () => {
  const page = open('ann')
  const name = 'meeting:query-edit'
  const { texts, observer } = watch(page, name)
  const { id } = await page.collab.meeting('query-edit').do('messages.post', { text: 'one' })
  await until(() => texts().length === 1)
  const message = (): { reactions: object, is_deleted: boolean } => observer.getCurrentResult().data!.pages[0]!.messages[0]!
  const done = [
    new MutationObserver(page.queries, page.live.react(name)).mutate({ id, emoji: '👍' }),
    new MutationObserver(page.queries, page.live.edit(name)).mutate({ id, text: 'two' })
  ]
  await until(() => texts()[0] === 'two')
  expect(message().reactions).toEqual({ '👍': ['ann'] })
  await Promise.all(done)
  expect([texts(), message().reactions]).toEqual([['two'], { '👍': ['ann'] }])
  const others = open('bob')
  const bobs = watch(others, name)
  await until(() => bobs.texts().length === 1)
  await expect(new MutationObserver(others.queries, others.live.edit(name)).mutate({ id, text: 'not mine' })).rejects.toMatchObject({ name: 'CallFailed' })
  await until(() => bobs.texts()[0] === 'two')
  await new MutationObserver(page.queries, page.live.remove(name)).mutate({ id })
  await until(() => message().is_deleted && bobs.texts()[0] === '')
})

it('[JS9.4] who is removed gets an error; a query that leaves the cache follows no more', async () => {
  const host = open('host').collab.meeting('query-removal')
  await host.do('messages.post', { text: 'mine' })
  const page = open('guest')
  const { observer, texts } = watch(page, 'meeting:query-removal')
  await until(() => texts().length === 1)
  await host.do('participants.remove', { user_id: 'guest' })
  await until(() => observer.getCurrentResult().status === 'error')
  expect(observer.getCurrentResult().error).toMatchObject({ code: 'permission_denied' })
  const other = open('host')
  const key = other.live.messages('meeting:query-removal').queryKey
  const unwatch = watch(other, 'meeting:query-removal')
  await until(() => unwatch.texts().length === 1)
  other.queries.removeQueries({ queryKey: key })
  await host.do('messages.post', { text: 'unheard' })
  await other.collab.meeting('query-removal').look('messages.page')
  expect(other.queries.getQueryData(key)).toBeUndefined()
})
