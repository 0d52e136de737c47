/** Notes that go on whatever happens: a document, its provider, and their successors. */

import * as Y from 'yjs'
import type { Client } from '../client.js'
import { SubscriptionEnded } from '../errors.js'
import { NOTES_REFUSALS_MAX } from '../limits.js'
import { Listeners, type Observable } from '../observable.js'
import { NotesProvider, OutdatedDocument, type RefusedEdits } from './provider.js'

/** What to bind an editor to. Another `provider` means another document: bind anew. */
export interface NotesShown {
  readonly provider: NotesProvider
  /** What was written here and refused, newest last, at most `NOTES_REFUSALS_MAX`: show it, offer to copy it. */
  readonly refused: readonly RefusedEdits[]
  /** Why the notes go on no more: one was removed, say. Null also after `close`. */
  readonly error: Error | null
}

/** The notes of `target`, until `close`. Throws what `Client.follow` throws. */
export class LiveNotes implements Observable<NotesShown> {
  readonly #client: Client
  readonly #target: string
  readonly #listeners = new Listeners()
  #shown: NotesShown
  #hasConcluded = false // What concludes again has nothing left to read.
  #forget: () => void = () => {}

  constructor (client: Client, target: string, doc: Y.Doc = new Y.Doc()) {
    this.#client = client
    this.#target = target
    this.#shown = { provider: this.#open(doc), refused: [], error: null }
  }

  subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  getSnapshot = (): NotesShown => this.#shown

  /** Stops, as `NotesProvider.destroy` does: what was written here is saved, or shown in `refused`. Harmless when repeated. */
  close (): void {
    this.#shown.provider.destroy()
  }

  #open (doc: Y.Doc): NotesProvider {
    const provider = new NotesProvider(this.#client, this.#target, doc)
    this.#forget = provider.subscribe(() => {
      const { status, error, refused } = provider.getSnapshot()
      if (status !== 'ended') return
      if (!provider.isDestroyed && this.#goesOn(error)) this.#renew(provider, refused)
      else if (error !== this.#shown.error || (refused !== null && !this.#shown.refused.includes(refused))) {
        this.#shown = { provider, refused: this.#refusedWith(refused), error }
        this.#listeners.tell()
      }
    })
    return provider
  }

  #refusedWith (newest: RefusedEdits | null): readonly RefusedEdits[] {
    return newest === null ? this.#shown.refused : [...this.#shown.refused, newest].slice(-NOTES_REFUSALS_MAX)
  }

  /** Edits were refused; or the history was rewritten; or what was open has ended, and can still be read. */
  #goesOn (error: Error | null): boolean {
    if (error === null || error instanceof OutdatedDocument) return true
    const isFirstEnd = error instanceof SubscriptionEnded && error.code === 'concluded' && !this.#hasConcluded
    this.#hasConcluded ||= isFirstEnd
    return isFirstEnd
  }

  /** Goes on with the server's document. Where it may not be read any more, the new provider says so. */
  #renew (last: NotesProvider, refused: RefusedEdits | null): void {
    this.#forget()
    const kept = this.#refusedWith(refused)
    const user: unknown = last.awareness.getLocalState()?.['user']
    last.destroy()
    let provider: NotesProvider
    try {
      provider = this.#open(new Y.Doc())
    } catch (error) { // The client is at its end; the last document stays as it is.
      this.#shown = { provider: last, refused: kept, error: error instanceof Error ? error : new Error(String(error)) }
      return this.#listeners.tell()
    }
    if (user !== undefined) provider.awareness.setLocalStateField('user', user) // Who one is does not change.
    this.#shown = { provider, refused: kept, error: null }
    this.#listeners.tell()
  }
}
