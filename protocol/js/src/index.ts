/**
 * Live meetings, chats and notes in a browser or Node: a client that comes back by itself.
 *
 * `connect` is all that most programs need. The notes are in `@collab/client/yjs`.
 */

export { newKey } from './asker.js'
export type { Answer } from './queue.js'
export { asBytes } from './bytes.js'
export { type AskOptions, CALL_TIMEOUT_MS, Client, type ClientOptions, type FollowOptions } from './client.js'
export { Chat, Collab, connect, type ConnectOptions, Me, Meeting, wireAddress } from './collab.js'
export { type Codec, json, msgpack, type Payload } from './codec.js'
export * from './errors.js'
export { Follower } from './follower.js'
export { type EventItem, type Item, PRESENCE_TOPIC, type PresenceItem, type SnapshotItem } from './items.js'
export { LastingFollower } from './lasting.js'
export { TranscriptView } from './lines.js'
export { type ListShown, loadList, mergedItems, reduceList } from './list-shown.js'
export { loadMeeting, type MeetingShown, reduceMeeting } from './meeting-shown.js'
export {
  blank as blankMessage, loadMessages, type MessagesShown, NOT_YET, type Part, reduceMessages, type ShownMessage, textOf
} from './messages-shown.js'
export type { Cursor, Fields, Present } from './messages.js'
export { Listeners, type Observable } from './observable.js'
export { type Mutation, OptimisticState, type Reduction } from './optimistic.js'
export { olderItems, olderLines, olderMessages, type PageOptions } from './paging.js'
export { type Content, MessagesView, type PostOptions } from './posting.js'
export { type Presents, PresenceView } from './presence.js'
export { type Shareable, SharedViews } from './sharing.js'
export type { Socket, SocketConstructor } from './socket.js'
export type { Connection, ConnectionPhase } from './status.js'
export { type ItemOf, Target } from './target.js'
export type { Token, TokenWanted } from './token.js'
export { loadTranscript, mergedLines, reduceTranscript, type TranscriptShown } from './transcript-shown.js'
export { type Shown, View, type ViewShape } from './view.js'
export type * from './generated/wire.js'
