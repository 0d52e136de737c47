/**
 * A Yjs document held live over the client's one connection.
 *
 *     doc ── update ──> Unsent ──sender──> notes.edit   one call at a time, the rest merges
 *      ^                             │ refused: the edits are handed out, the provider ends
 *      └── topic notes <── receiver ─┘
 *
 * Nothing is lost: an edit is unsent until the server has it on disk. Nothing is doubled: the same edit
 * twice is one edit. While there is no connection, edits are kept and merged; afterwards the topic
 * brings what others wrote meanwhile, and the sender what was written here.
 *
 * A Yjs document cannot forget. So when edits are refused for good, or the server's history was
 * rewritten, this document is not the server's any more: the provider ends and says why in `refused`,
 * and a new document with a new provider goes on (`LiveNotes` does that by itself).
 */

import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { asBytes } from '../bytes.js'
import type { Client } from '../client.js'
import { CallAbandoned, CallFailed, ClientError, LimitExceeded } from '../errors.js'
import type { NotesSnapshot } from '../generated/wire.js'
import type { Follower } from '../follower.js'
import { type Item, PRESENCE_TOPIC, type SnapshotItem } from '../items.js'
import { NOTES_EDIT_TRIES_MAX } from '../limits.js'
import { Listeners, type Observable } from '../observable.js'
import { awarenessPart, awarenessShown, Carets } from './carets.js'
import { Unsent } from './unsent.js'

const TOPIC = 'notes'
const RETRY_MS = 500 // After an answer that allows another attempt; it doubles.
const RETRY_MAX_MS = 30_000
const EMPTY_BYTES = 2 // Of the update that changes nothing.

/** Edits that are not in the server's document: `update` alone, and `state` with all that they build on. */
export interface RefusedEdits {
  /** Stable: what the server said, `notes_too_large`, or `unsaved`. */
  readonly code: string
  readonly message: string
  readonly update: Uint8Array
  readonly state: Uint8Array
}

/** What is known of a live document at one moment. */
export interface NotesStatus {
  /** `waiting` for the server's document; `ended` for good: see `refused` and `error`. */
  readonly status: 'waiting' | 'live' | 'ended'
  /** Everything that was written here is on the server's disk. */
  readonly isSaved: boolean
  /** Edits that are not on the server's disk yet; many small ones may count as one. */
  readonly unsavedEdits: number
  /** Why nothing comes and goes any more. */
  readonly error: Error | null
  /** What was written here and is not in the server's document. */
  readonly refused: RefusedEdits | null
}

export interface NotesOptions {
  /** One is made if none is given. */
  readonly awareness?: Awareness
}

/** Keeps `doc` and the notes of `target` equal, until `destroy`. */
export class NotesProvider implements Observable<NotesStatus> {
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly #client: Client
  readonly #target: string
  readonly #follower: Follower
  readonly #carets: Carets
  readonly #unsent = new Unsent()
  readonly #listeners = new Listeners()
  readonly #stopping = new AbortController()
  #broughtAlong: boolean
  #epoch: string | null = null
  #isSending = false
  #isSendingLast = false
  #isDestroyed = false
  #end: { readonly error: Error | null, readonly refused: RefusedEdits | null } | null = null
  #status: NotesStatus | null = null

  /** Throws what `Client.follow` throws. */
  constructor (client: Client, target: string, doc: Y.Doc, options: NotesOptions = {}) {
    this.#client = client
    this.#target = target
    this.doc = doc
    this.#follower = client.follow(target, [TOPIC, PRESENCE_TOPIC])
    this.awareness = options.awareness ?? new Awareness(doc)
    this.#carets = new Carets(this.awareness, this)
    this.#broughtAlong = Y.encodeStateAsUpdate(doc).length > EMPTY_BYTES
    doc.on('update', this.#noteUpdate)
    this.awareness.on('update', this.#noteAwareness)
    this.#showAwareness()
    void this.#receive()
  }

  subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  getSnapshot = (): NotesStatus => {
    this.#status ??= {
      status: this.#end !== null ? 'ended' : this.#epoch === null ? 'waiting' : 'live',
      isSaved: this.#unsent.isEmpty && !this.#broughtAlong && this.#end?.refused == null,
      unsavedEdits: this.#unsent.length,
      error: this.#end?.error ?? null,
      refused: this.#end?.refused ?? null
    }
    return this.#status
  }

  /** Resolves when the server's document is here. Rejects with why it will not be. */
  async synced (): Promise<void> {
    await this.#when(({ status }) => status === 'live')
  }

  /** Resolves when everything written here is on the server's disk, also after `destroy`. Rejects with why it will not be. */
  async saved (): Promise<void> {
    await this.#when(({ isSaved }) => isSaved)
  }

  /** Returns what is not saved, as it would be handed out if it were refused. */
  unsaved (): RefusedEdits | null {
    if (this.getSnapshot().isSaved) return null
    return this.#end?.refused ?? this.#edits('unsaved', 'not acknowledged by the server')
  }

  /** It was `destroy`ed before anything else ended it. */
  get isDestroyed (): boolean {
    return this.#isDestroyed
  }

  /**
   * Stops following. What was written here is saved all the same, as long as the client is open: `saved`
   * tells when, and `refused` what was not. Brought along and not written on since, it stays in the
   * document only. Harmless when repeated.
   */
  destroy (): void {
    if (this.#end === null) {
      const last = this.#unsent.isEmpty ? [] : this.#broughtAlong ? [Y.encodeStateAsUpdate(this.doc)] : this.#unsent.pieces()
      this.#isDestroyed = true
      this.#end = { error: null, refused: null }
      void this.#sendLast(last)
      this.#leave()
    }
    this.awareness.destroy()
  }

  // ------------------------------------------------------------ what is written here

  readonly #noteUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin === this || this.#end !== null) return
    this.#unsent.add(update)
    this.#changed()
    void this.#send()
  }

  readonly #noteAwareness = ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>): void => {
    if ([...added, ...updated, ...removed].includes(this.awareness.clientID)) this.#showAwareness()
  }

  #showAwareness (): void {
    if (this.#end !== null) return
    try {
      this.#client.setPresence(this.#target, awarenessShown(this.awareness), awarenessPart(this.awareness))
    } catch (error) {
      // Too large a state, or one that JSON cannot carry, is not shown; it must not stop an editor.
      if (!(error instanceof ClientError || error instanceof TypeError || error instanceof RangeError)) throw error
    }
  }

  async #send (): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    try {
      for (;;) {
        // Unknown history is for the server to judge, so brought-along edits wait for its document.
        const update = this.#end !== null || this.#broughtAlong ? null : this.#unsent.take()
        if (update === null) return
        if (await this.#sendOne(update) === 'saved') this.#unsent.settle()
        this.#changed()
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#over(asError(error), this.#edits('unsaved', String(error)))
    } finally {
      this.#isSending = false
    }
  }

  /** Sends all at once, what is on its way included: who closes the client next has sent it. */
  async #sendLast (updates: readonly Uint8Array[]): Promise<void> {
    if (updates.length === 0) return
    this.#isSendingLast = true
    try {
      await Promise.all(updates.map(async update => { while (await this.#sendOne(update) === 'unknown'); }))
      if (this.#end?.refused === null) {
        this.#unsent.clear()
        this.#broughtAlong = false
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#over(asError(error), this.#edits('unsaved', String(error)))
    } finally {
      this.#isSendingLast = false
      this.#changed()
    }
  }

  /** Has one update saved or refused. `unknown`: it has to be sent again. */
  async #sendOne (update: Uint8Array): Promise<'saved' | 'refused' | 'unknown'> {
    let sent = update
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.ask(this.#target, 'notes.edit', { update: sent }, { signal: this.#stopping.signal })
        return 'saved'
      } catch (error) {
        if (error instanceof CallAbandoned) return 'unknown' // Again, with what was written since.
        if (error instanceof LimitExceeded) {
          if (error.limit === 'FRAME_BYTES_MAX') return this.#refuse('notes_too_large', error.message)
        } else if (!(error instanceof CallFailed)) {
          throw error
        } else if (error.code === 'notes_missing_history' && sent === update) {
          sent = Y.encodeStateAsUpdate(this.doc) // Everything we have, as the server asks.
          continue
        } else if (!error.retryable || attempt >= NOTES_EDIT_TRIES_MAX) {
          return this.#refuse(error.code, error.message)
        }
        await this.#sleep(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** (attempt - 1)))
      }
    }
  }

  #refuse (code: string, message: string): 'refused' {
    this.#over(null, this.#edits(code, message))
    return 'refused'
  }

  #edits (code: string, message: string): RefusedEdits {
    const state = Y.encodeStateAsUpdate(this.doc)
    return { code, message, update: this.#broughtAlong ? state : this.#unsent.everything(), state }
  }

  // ------------------------------------------------------------ what comes

  async #receive (): Promise<void> {
    try {
      for (;;) {
        const items = await this.#follower.batch()
        if (items.length === 0 || this.#end !== null) return
        // One transaction: an editor draws once for all that came at one time.
        Y.transact(this.doc, () => { for (const item of items) this.#take(item) }, this, false)
        this.#changed()
      }
    } catch (error) {
      this.#over(asError(error), this.getSnapshot().isSaved ? null : this.#edits('unsaved', String(error)))
    }
  }

  #take (item: Item): void {
    if (this.#end !== null) return
    if (item.kind === 'presence') {
      this.#carets.take(item, this.#client.connection.getSnapshot().sessionId)
    } else if (item.kind === 'snapshot') {
      this.#takeSnapshot(item)
    } else if (item.data['update'] != null) {
      Y.applyUpdate(this.doc, asBytes(item.data['update']), this)
    }
  }

  #takeSnapshot ({ epoch, topics }: SnapshotItem): void {
    const shown = topics[TOPIC] as NotesSnapshot
    if (this.#epoch !== null && epoch !== this.#epoch) return this.#outdated()
    this.#epoch = epoch
    Y.applyUpdate(this.doc, asBytes(shown.update), this)
    if (this.#broughtAlong) {
      this.#unsent.replace(Y.encodeStateAsUpdate(this.doc, asBytes(shown.state_vector)))
      this.#broughtAlong = false
      void this.#send()
    }
  }

  /**
   * History was rewritten: here the new one counts. What is not saved goes to the server with all that
   * it builds on, which keeps it as a branch if it does not know that.
   */
  #outdated (): void {
    const message = 'the history of this document was rewritten'
    const refused = this.#unsent.isEmpty && !this.#broughtAlong ? null : this.#edits('history_rewritten', message)
    if (refused !== null) {
      this.#client.ask(this.#target, 'notes.edit', { update: refused.state }).catch(() => {
        // Refused: it is a branch now, or cannot be one; either way it was handed out.
      })
    }
    this.#over(new OutdatedDocument(message), refused)
  }

  // ------------------------------------------------------------ the end

  /** The first end counts; but the last edits of one that was destroyed can still be refused. */
  #over (error: Error | null, refused: RefusedEdits | null): void {
    const isFirst = this.#end === null
    if (!isFirst && (refused === null || this.#end?.refused !== null)) return
    this.#end = { error, refused }
    this.#stopping.abort()
    if (isFirst) this.#leave()
    this.#changed()
  }

  #leave (): void {
    this.doc.off('update', this.#noteUpdate)
    this.awareness.off('update', this.#noteAwareness)
    clearInterval(this.awareness._checkInterval) // Nobody is left to go stale; it would keep a process alive.
    this.#carets.clear()
    try {
      this.#client.setPresence(this.#target, null, awarenessPart(this.awareness))
    } catch {
      // The client is at its end, or the target is not followed any more: nothing is shown anyway.
    }
    this.#follower.close()
    this.#changed()
  }

  async #when (condition: (status: NotesStatus) => boolean): Promise<void> {
    for (;;) {
      const now = this.getSnapshot()
      if (condition(now)) return
      if (now.status === 'ended' && !this.#isSendingLast) throw now.error ?? refusal(now.refused)
      await new Promise<void>(resolve => {
        const forget = this.#listeners.add(() => { forget(); resolve() })
      })
    }
  }

  async #sleep (delayMs: number): Promise<void> {
    const { signal } = this.#stopping
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, delayMs)
      signal.addEventListener('abort', () => { clearTimeout(timer); resolve() }, { once: true })
    })
    signal.throwIfAborted()
  }

  #changed (): void {
    this.#status = null
    this.#listeners.tell()
  }
}

/** The server's document has another history now: go on with a new one. */
export class OutdatedDocument extends ClientError {
  override name = 'OutdatedDocument'
  constructor (message: string) {
    super('history_rewritten', message)
  }
}

/** Local edits were refused for good; `edits` has them. */
export class EditsRefused extends ClientError {
  override name = 'EditsRefused'
  readonly edits: RefusedEdits

  constructor (edits: RefusedEdits) {
    super(edits.code, edits.message)
    this.edits = edits
  }
}

function refusal (refused: RefusedEdits | null): Error {
  return refused === null ? new ClientError('closed', 'the document was closed') : new EditsRefused(refused)
}

function asError (error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
