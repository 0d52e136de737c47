/** React hooks for live meetings, chats and notes. */

export * from './hooks.js'
export { CollabProvider, useCollab, useObservable, useShared } from './providing.js'
