/** Shared notes: a Yjs document held live over the client's connection. Needs `yjs` and `y-protocols`. */

export { LiveNotes, type NotesShown } from './live-notes.js'
export {
  EditsRefused, type NotesOptions, NotesProvider, type NotesStatus, OutdatedDocument, type RefusedEdits
} from './provider.js'
