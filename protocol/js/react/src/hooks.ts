/** Hooks: everything they return changes by itself. */

import type {
  AskOptions, Chat, Connection, Content, Meeting, MeetingShown, MessagesView, Participant, PostOptions, Present,
  Shown, ShownMessage, Target, TranscriptLine, TranscriptView, ViewShape
} from '@collab/client'
import { useCallback, useEffect, useId, useMemo } from 'react'
import { useCollab, useObservable, useShared } from './providing.js'

const NONE: readonly never[] = []

/** Returns where the connection stands, how many writes are unsent, and the latency. */
export function useConnection (): Connection {
  return useObservable(useCollab().client.connection)
}

/** A meeting as it is now. */
export interface MeetingNow {
  readonly status: Shown<MeetingShown>['status']
  /** Why it is not shown any more: `permission_denied` for whoever was removed. */
  readonly error: Error | null
  readonly meeting: MeetingShown['meeting'] | null
  readonly participants: readonly Participant[]
  /** Oneself; null while not in. */
  readonly me: Participant | null
  /** To act: `target.do('participants.invite', {…})`. */
  readonly target: Meeting
}

/** Follows the state and the people of the meeting with this key. */
export function useMeeting (key: string): MeetingNow {
  const collab = useCollab()
  const target = useMemo(() => collab.meeting(key), [collab, key])
  const { status, error, state } = useShared(`${target.name}#room`, () => target.room())
  const { userId } = useConnection()
  return useMemo(() => ({
    status,
    error,
    meeting: state?.meeting ?? null,
    participants: [...state?.participants.values() ?? []],
    me: state?.participants.get(userId ?? '') ?? null,
    target
  }), [status, error, state, userId, target])
}

/** The messages of a chat or a meeting as they are now, and what one can do. */
export interface ChatNow {
  readonly status: Shown<unknown>['status']
  readonly error: Error | null
  /** Ascending; own ones at once (`isPending`). All of them are live, also those that `loadOlder` brought. */
  readonly messages: readonly ShownMessage[]
  /** Own writes that the server has not confirmed. */
  readonly pending: number
  /** There are older ones: `loadOlder`. */
  readonly hasOlder: boolean
  /** Puts the next page in front, for everybody who shows this chat. Rejects as `Client.ask`; nothing has changed then. */
  readonly loadOlder: () => Promise<void>
  readonly post: (content: Content, options?: PostOptions) => Promise<{ readonly id: number }>
  readonly edit: (id: number, content: Content, options?: AskOptions) => Promise<void>
  readonly remove: (id: number, options?: AskOptions) => Promise<void>
  readonly react: (id: number, emoji: string, on?: boolean, options?: AskOptions) => Promise<void>
}

/** Follows the messages of `chat:KEY` or `meeting:KEY`. What one writes shows at once, and goes if it is refused. */
export function useChat (name: `chat:${string}` | `meeting:${string}`): ChatNow {
  const collab = useCollab()
  const target = useMemo(() => {
    const key = name.slice(name.indexOf(':') + 1)
    return name.startsWith('chat:') ? collab.chat(key) : collab.meeting(key)
  }, [collab, name])
  const open = (): MessagesView => target.messages()
  const shown = useShared(`${name}#messages`, open)
  const view = (): MessagesView => collab.shared.get(`${name}#messages`, open)
  const does = useMemo(() => ({
    loadOlder: async () => { await view().loadOlder() },
    post: async (content: Content, options?: PostOptions) => await view().post(content, options),
    edit: async (id: number, content: Content, options?: AskOptions) => { await view().edit(id, content, options) },
    remove: async (id: number, options?: AskOptions) => { await view().delete(id, options) },
    react: async (id: number, emoji: string, on?: boolean, options?: AskOptions) => { await view().react(id, emoji, on, options) }
  }), [collab, name])
  return {
    status: shown.status,
    error: shown.error,
    messages: shown.state?.messages ?? NONE,
    pending: shown.pending,
    hasOlder: shown.state?.more ?? false,
    ...does
  }
}

/** A transcript as it is now. */
export interface TranscriptNow {
  readonly status: Shown<unknown>['status']
  readonly error: Error | null
  /** In order of speech; interim ones have `is_final: false`. */
  readonly lines: readonly TranscriptLine[]
  readonly hasOlder: boolean
  /** Puts the next page in front. Rejects as `Client.ask`; nothing has changed then. */
  readonly loadOlder: () => Promise<void>
}

/** Follows what is said in the meeting with this key. */
export function useTranscript (key: string): TranscriptNow {
  const collab = useCollab()
  const target = useMemo(() => collab.meeting(key), [collab, key])
  const shared = `${target.name}#transcript`
  const open = (): TranscriptView => target.transcript()
  const { status, error, state } = useShared(shared, open)
  const loadOlder = useCallback(async () => { await collab.shared.get(shared, open).loadOlder() }, [collab, shared])
  return {
    status,
    error,
    lines: state?.lines ?? NONE,
    hasOlder: state !== null && state.before !== null,
    loadOlder
  }
}

/** Follows topics of any target as one state. The shape that it is first called with counts. */
export function useLive<S> (target: Pick<Target, 'name' | 'view'>, shape: ViewShape<S>): Shown<S> {
  return useShared(`${target.name}#${useId()}`, () => target.view(shape))
}

/** Who is here, by session, without this one. */
export type Others = ReadonlyArray<Present & { readonly session: string }>

/**
 * Returns who else is here, and shows them `state` of one's own; without it nothing is shown.
 *
 * Throws while rendering what `Client.setPresence` throws: it is too large, say.
 */
export function usePresence (target: Meeting | Chat, state: object | null = null): Others {
  const collab = useCollab()
  const part = useId()
  const name = `${target.name}#presence`
  const present = useShared(name, () => target.presence())
  const { sessionId } = useConnection()
  const text = JSON.stringify(state)
  useEffect(() => {
    const view = collab.shared.get(name, () => target.presence())
    view.show(JSON.parse(text) as object | null, part)
    return () => view.show(null, part)
  }, [collab, name, part, text])
  return useMemo(() => [...present].filter(([session]) => session !== sessionId)
    .map(([session, one]) => ({ session, ...one })), [present, sessionId])
}
