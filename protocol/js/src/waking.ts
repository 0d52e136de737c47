/** When a browser says that looking at the network is worth it now: it is back, or the page is. */

/** Calls `wake` then; returns how to stop. Outside of a browser it never does. */
export function onWakeUp (wake: () => void): () => void {
  const { addEventListener, document } = globalThis as Partial<Pick<typeof globalThis, 'addEventListener' | 'document'>>
  if (addEventListener === undefined) return () => {}
  const stopping = new AbortController()
  const { signal } = stopping
  // A lid that was opened, a tab that was frozen: sockets may be dead without anybody having said so.
  const seen = (): void => { if (document?.visibilityState === 'visible') wake() }
  globalThis.addEventListener('online', wake, { signal })
  globalThis.addEventListener('pageshow', wake, { signal })
  document?.addEventListener('visibilitychange', seen, { signal })
  return () => stopping.abort()
}
