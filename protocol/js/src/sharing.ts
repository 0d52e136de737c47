/**
 * Views that several parts of a page watch: opened by the first, closed some time after the last.
 *
 * The time after is for pages that change, and for frameworks that mount everything twice.
 */

import { VIEW_LINGER_MS } from './limits.js'
import { Listeners, type Observable } from './observable.js'

/** What can be shared. */
export interface Shareable<T> extends Observable<T> { close: () => void }

interface Entry {
  view: Shareable<unknown>
  readonly listeners: Listeners // Of this place, not of the view, which may be replaced.
  forget: () => void // Listens to the view no more.
  watchers: number
  closing: ReturnType<typeof setTimeout> | undefined
}

/** All views of a client that are shared, by name. */
export class SharedViews {
  readonly #entries = new Map<string, Entry>()
  #isOver = false

  /** Returns the view called `name`, made by `open` if there is none. Throws what `open` throws. */
  get<V extends Shareable<unknown>> (name: string, open: () => V): V {
    return this.#entry(name, open).view as V // A name stands for one kind of view.
  }

  /** Returns the view called `name` as something to watch: it is open for as long as somebody does. */
  store<T> (name: string, open: () => Shareable<T>): Observable<T> {
    return {
      getSnapshot: () => this.get(name, open).getSnapshot(),
      subscribe: listener => {
        const entry = this.#entry(name, open)
        entry.watchers++
        clearTimeout(entry.closing)
        const forget = entry.listeners.add(listener)
        let isWatching = true
        return () => {
          if (!isWatching) return
          isWatching = false
          forget()
          entry.watchers--
          if (entry.watchers === 0) this.#letGo(name, entry)
        }
      }
    }
  }

  /** Puts a new view in the place of one that has ended, for everybody who watches. Throws what `open` throws. */
  renew (name: string, open: () => Shareable<unknown>): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    const { view, forget } = entry
    entry.view = open()
    entry.forget = entry.view.subscribe(() => entry.listeners.tell())
    forget()
    view.close()
    entry.listeners.tell()
  }

  /** Closes every view for good; those that are still watched show what they showed last. */
  close (): void {
    this.#isOver = true
    for (const { view, closing } of this.#entries.values()) {
      clearTimeout(closing)
      view.close()
    }
  }

  #entry (name: string, open: () => Shareable<unknown>): Entry {
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      const view = open()
      const listeners = new Listeners()
      entry = { view, listeners, forget: view.subscribe(() => listeners.tell()), watchers: 0, closing: undefined }
      this.#entries.set(name, entry)
      this.#letGo(name, entry) // Whoever looked may never watch.
    }
    return entry
  }

  #letGo (name: string, entry: Entry): void {
    if (this.#isOver) return
    entry.closing = setTimeout(() => {
      if (this.#entries.get(name) === entry) this.#entries.delete(name)
      entry.view.close()
    }, VIEW_LINGER_MS)
  }
}
