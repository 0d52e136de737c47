/** Values that change, in the shape that `useSyncExternalStore` and signals of all kinds take. */

/** Something whose newest value can be read, and that tells when it is another one. */
export interface Observable<T> {
  /** Calls `listener` after every change, until the returned function is called. */
  subscribe: (listener: () => void) => () => void
  /** Returns the newest value: the same one (`Object.is`) until it changes. */
  getSnapshot: () => T
}

/**
 * The listeners of one value. Told once per turn of the event loop, however often it changes: a burst
 * of events is one render.
 */
export class Listeners {
  readonly #listeners = new Set<() => void>()
  #isTelling = false

  /** Adds one; returns how to take it away again. The same function twice is two listeners. */
  add (listener: () => void): () => void {
    const own = (): void => listener()
    this.#listeners.add(own)
    return () => { this.#listeners.delete(own) }
  }

  /** Tells everybody, soon. */
  tell (): void {
    if (this.#isTelling || this.#listeners.size === 0) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      for (const listener of [...this.#listeners]) {
        try {
          listener()
        } catch (error) {
          reportFault(error) // One listener's fault is no other's.
        }
      }
    })
  }
}

/** Lets a fault of the application's code be seen without ending what calls it. */
export function reportFault (error: unknown): void {
  setTimeout(() => { throw error }, 0)
}
