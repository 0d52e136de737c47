/** The wire's messages, as `generated/wire.ts` has them, with events and presence spelled out. */

import type * as wire from './generated/wire.js'

export type {
  ClientMessage, Cursor, EndedMessage, ErrorMessage, GoodbyeMessage, ResetMessage, ResumedMessage, SnapshotMessage,
  WelcomeMessage
} from './generated/wire.js'

/** A map of the wire. */
export interface Fields { readonly [name: string]: unknown }

/** One event as it comes in. `at_ms` is Unix time, `by` who caused it. */
export interface WireEvent {
  readonly seq: number
  readonly topic: string
  readonly type: string
  readonly at_ms: number
  readonly by: string
  readonly data: Fields
}

/** Somebody who is here. `user` is the server's word, `state` their own; null until they show one. */
export interface Present { readonly user: string, readonly state: Fields | null }

export type EventsMessage = Omit<wire.EventsMessage, 'events'> & { readonly events: readonly WireEvent[] }
export type PresenceMessage = Omit<wire.PresenceChangedMessage, 'sessions'> & {
  readonly sessions: { readonly [session: string]: Present | null }
}

export type ServerMessage =
  | Exclude<wire.ServerMessage, wire.EventsMessage | wire.PresenceChangedMessage>
  | EventsMessage
  | PresenceMessage
