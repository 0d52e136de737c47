/** When a browser says that trying again is worth it now: the network is back. */

/** Calls `wake` then; returns how to stop. Outside of a browser it never does. */
export function onWakeUp (wake: () => void): () => void {
  if (typeof globalThis.addEventListener !== 'function') return () => {}
  globalThis.addEventListener('online', wake)
  return () => globalThis.removeEventListener('online', wake)
}
