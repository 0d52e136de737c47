// @vitest-environment jsdom
/** The hooks, in a page of its own for each person, against a real server. */

import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { type ReactElement, StrictMode } from 'react'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Collab, connect, textOf, type ViewShape } from '@collab/client'
import { type ChatNow, CollabProvider, useChat, useCollab, useConnection, useLive, useMeeting, usePresence, useTranscript } from '@collab/react'
import { Served } from '../../test/served.js'

let served: Served
const opened: Collab[] = []
const WITHIN = { timeout: 10_000 }

beforeAll(async () => { served = await Served.open() })
afterAll(async () => { await served.close() })
afterEach(async () => {
  cleanup()
  await Promise.all(opened.splice(0).map(async one => await one.close()))
})

function open (user: string): Collab {
  const collab = connect(served.url, { token: `dev:${user}`, WebSocket })
  opened.push(collab)
  return collab
}

function show (collab: Collab, page: ReactElement): ReturnType<typeof render> {
  return render(<StrictMode><CollabProvider collab={collab}>{page}</CollabProvider></StrictMode>)
}

function Chat ({ name }: { readonly name: `meeting:${string}` }): ReactElement {
  const { messages, pending, post, error } = useChat(name)
  return (
    <section>
      <ul>{messages.map(message => <li key={message.id}>{textOf(message)}{message.isPending === true ? '…' : ''}</li>)}</ul>
      <output>{error === null ? `${pending} pending` : 'refused'}</output>
      <button onClick={() => { post('hello').catch(() => {}) }}>post</button>
    </section>
  )
}

it('[JS8.1] messages show at once, are confirmed, and come from others by themselves', async () => {
  const bob = open('bob').meeting('react-chat')
  show(open('ann'), <Chat name="meeting:react-chat" />)
  await bob.do('messages.post', { text: 'hi' })
  await screen.findByText('hi', {}, WITHIN)
  fireEvent.click(screen.getByText('post'))
  await screen.findByText(/^hello/, {}, WITHIN)
  await waitFor(() => expect(screen.getAllByRole('listitem').map(item => item.textContent)).toEqual(['hi', 'hello']), WITHIN)
  expect(screen.getByText('0 pending')).toBeDefined()
})

it('[JS8.1] what is refused shows no more', async () => {
  const collab = open('ann')
  await collab.meeting('react-refused').do('messages.post', { text: 'first' })
  show(collab, <Chat name="meeting:react-refused" />)
  await screen.findByText('first', {}, WITHIN)
  await collab.meeting('react-refused').do('meeting.end')
  fireEvent.click(screen.getByText('post'))
  await waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(2), WITHIN)
  await waitFor(() => expect(screen.getAllByRole('listitem').map(item => item.textContent)).toEqual(['first']), WITHIN)
})

it('[JS8.2] a meeting shows its people, oneself and its end', async () => {
  const host = open('host').meeting('react-room')
  await host.do('messages.post', { text: 'it is there' })
  function Room (): ReactElement {
    const { meeting, participants, me, error } = useMeeting('react-room')
    return <p>{error?.name ?? `${meeting?.status} ${participants.length} ${me?.role}`}</p>
  }
  show(open('ann'), <Room />)
  await screen.findByText('live 2 speaker', {}, WITHIN)
  await host.do('participants.set_role', { user_id: 'ann', role: 'attendee' })
  await screen.findByText('live 2 attendee', {}, WITHIN)
  await host.do('participants.remove', { user_id: 'ann' })
  await screen.findByText('SubscriptionEnded', {}, WITHIN)
})

it('[JS8.3] people see each other come, move and go', async () => {
  function Here ({ at }: { readonly at: number }): ReactElement {
    const others = usePresence(useCollab().meeting('react-presence'), { at })
    return <p>{others.filter(({ state }) => state !== null).map(({ user, state }) => `${user} ${String(state?.['at'])}`).join()}</p>
  }
  const ann = show(open('ann'), <Here at={1} />)
  const bob = show(open('bob'), <Here at={2} />)
  await ann.findByText('bob 2', {}, WITHIN)
  await bob.findByText('ann 1', {}, WITHIN)
  bob.unmount()
  await waitFor(() => expect(ann.container.textContent).toBe(''), WITHIN)
})

it('[JS8.4] any topics are one live state, and the connection is shown', async () => {
  const shape: ViewShape<number> = {
    topics: ['messages'],
    load: topics => (topics['messages'] as { messages: unknown[] }).messages.length,
    reduce: (count, event) => event.type === 'message.posted' ? count + 1 : count
  }
  const collab = open('ann')
  function Count (): ReactElement {
    const { state } = useLive(useCollab().meeting('react-live'), shape)
    return <p>{state} of {useConnection().userId} {useConnection().shows}</p>
  }
  show(collab, <Count />)
  await screen.findByText('0 of ann live', {}, WITHIN)
  await act(async () => { await collab.meeting('react-live').do('messages.post', { text: 'one' }) })
  await screen.findByText('1 of ann live', {}, WITHIN)
})

it('[JS8.5] a page that changes keeps what it showed; what nobody shows is closed', async () => {
  const collab = open('ann')
  const first = show(collab, <Chat name="meeting:react-shared" />)
  await screen.findByText('0 pending', {}, WITHIN)
  const view = collab.shared.get('meeting:react-shared#messages', () => collab.meeting('react-shared').messages())
  await view.when(() => true)
  first.unmount()
  const second = show(collab, <Chat name="meeting:react-shared" />)
  expect(collab.shared.get('meeting:react-shared#messages', () => { throw new Error('opened anew') })).toBe(view)
  second.unmount()
  await waitFor(() => expect(view.getSnapshot().status).toBe('ended'), WITHIN)
})

it('[JS8.6] what is older is as live as the rest, and a page of another chat stays out', async () => {
  const collab = open('ann')
  const post = async (key: string): Promise<void> => {
    await Promise.all(Array.from({ length: 120 }, async (_, n) => { await collab.meeting(key).do('messages.post', { text: `${key} ${n}` }) }))
  }
  await Promise.all([post('react-one'), post('react-two')])
  let chat: ChatNow
  function Chat ({ name }: { readonly name: `meeting:${string}` }): null {
    chat = useChat(name)
    return null
  }
  const texts = (): string[] => chat.messages.map(textOf)
  const all = (key: string): string[] => Array.from({ length: 120 }, (_, n) => `${key} ${n}`)
  const page = show(collab, <Chat name="meeting:react-one" />)
  await waitFor(() => expect(chat.hasOlder).toBe(true), WITHIN)
  while (chat!.hasOlder) await act(async () => { await chat.loadOlder() })
  expect(texts()).toEqual(all('react-one'))
  const [first, second] = chat!.messages
  const bob = open('bob').meeting('react-one')
  await bob.do('messages.react', { id: second!.id, emoji: '👍' })
  await act(async () => { await chat.edit(second!.id, 'edited') })
  await collab.meeting('react-one').do('messages.delete', { id: first!.id })
  await waitFor(() => expect(texts().slice(0, 2)).toEqual(['', 'edited']), WITHIN)
  expect([chat!.messages[0]!.is_deleted, chat!.messages[1]!.reactions]).toEqual([true, { '👍': ['bob'] }])
  const { ask } = collab.client
  let release = (): void => {}
  const held = new Promise<void>(resolve => { release = resolve })
  collab.client.ask = async (...args) => { // The page of the first chat comes last.
    const answer = await ask.apply(collab.client, args)
    if (args[0] === 'meeting:react-two') await held
    return answer
  }
  page.rerender(<StrictMode><CollabProvider collab={collab}><Chat name="meeting:react-two" /></CollabProvider></StrictMode>)
  await waitFor(() => expect(texts().at(-1)).toBe('react-two 119'), WITHIN)
  const loading = chat!.loadOlder()
  page.rerender(<StrictMode><CollabProvider collab={collab}><Chat name="meeting:react-one" /></CollabProvider></StrictMode>)
  release()
  await act(async () => { await loading })
  expect(texts().slice(1)).toEqual(['edited', ...all('react-one').slice(2)])
  page.rerender(<StrictMode><CollabProvider collab={collab}><Chat name="meeting:react-two" /></CollabProvider></StrictMode>)
  while (chat!.hasOlder) await act(async () => { await chat.loadOlder() })
  expect(texts()).toEqual(all('react-two'))
})

it('[JS8.6] what is older is put in front, page by page', async () => {
  const collab = open('pager')
  const meeting = collab.meeting('react-older')
  for (let n = 0; n < 260; n++) await meeting.do('messages.post', { text: String(n) })
  await meeting.do('transcript.add_many', {
    chunks: Array.from({ length: 30 }, (_, n) => ({ provider: 'p', segment: `s${n}`, speaker: 'x', start_ms: n * 90_000, end_ms: n * 90_000 + 9, text: `l${n}`, is_final: true }))
  })
  function Older (): ReactElement {
    const chat = useChat('meeting:react-older')
    const said = useTranscript('react-older')
    return (
      <section>
        <p data-testid="messages">{chat.messages.map(textOf).join()}</p>
        <p data-testid="lines">{said.lines.map(line => line.text).join()}</p>
        <button onClick={() => { void chat.loadOlder(); void chat.loadOlder(); void said.loadOlder() }}>
          {chat.hasOlder || said.hasOlder ? 'older' : 'all'}
        </button>
      </section>
    )
  }
  show(collab, <Older />)
  await waitFor(() => expect(screen.getByTestId('messages').textContent).toMatch(/259$/), WITHIN)
  await waitFor(() => expect(screen.getByTestId('lines').textContent).toMatch(/l29$/), WITHIN)
  for (let n = 0; n < 20 && screen.queryByText('all') === null; n++) {
    const before = document.body.textContent
    fireEvent.click(await screen.findByText('older', {}, WITHIN))
    await waitFor(() => expect(document.body.textContent).not.toBe(before), WITHIN)
  }
  expect(screen.getByTestId('messages').textContent).toBe(Array.from({ length: 260 }, (_, n) => String(n)).join())
  expect(screen.getByTestId('lines').textContent).toBe(Array.from({ length: 30 }, (_, n) => `l${n}`).join())
})
