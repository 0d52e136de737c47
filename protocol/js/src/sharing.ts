/**
 * Views that several parts of a page watch: opened by the first, closed some time after the last.
 *
 * The time after is for pages that change, and for frameworks that mount everything twice.
 */

import { VIEW_LINGER_MS } from './limits.js'

interface Closable { close: () => void }

interface Entry {
  readonly view: Closable
  watchers: number
  closing: ReturnType<typeof setTimeout> | undefined
}

/** All views of a client that are shared, by name. */
export class SharedViews {
  readonly #entries = new Map<string, Entry>()

  /** Returns the view called `name`, made by `open` if there is none. Who shows it must `watch` it. */
  get<V extends Closable> (name: string, open: () => V): V {
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      entry = { view: open(), watchers: 0, closing: undefined }
      this.#entries.set(name, entry)
      this.#letGo(name, entry)
    }
    return entry.view as V // A name stands for one kind of view.
  }

  /** Keeps the view called `name` open until the returned function is called. */
  watch (name: string): () => void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return () => {}
    entry.watchers++
    clearTimeout(entry.closing)
    let isWatching = true
    return () => {
      if (!isWatching) return
      isWatching = false
      entry.watchers--
      if (entry.watchers === 0) this.#letGo(name, entry)
    }
  }

  /** Closes every view. */
  close (): void {
    for (const { view, closing } of this.#entries.values()) {
      clearTimeout(closing)
      view.close()
    }
    this.#entries.clear()
  }

  #letGo (name: string, entry: Entry): void {
    entry.closing = setTimeout(() => {
      if (this.#entries.get(name) === entry) this.#entries.delete(name)
      entry.view.close()
    }, VIEW_LINGER_MS)
  }
}
