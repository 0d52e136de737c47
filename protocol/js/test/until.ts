/** Waiting for what a test cannot subscribe to. */

const WITHIN_MS = 10_000
const LOOK_MS = 5

/** Resolves as soon as `condition` holds. Rejects after ten seconds. */
export async function until (condition: () => boolean): Promise<void> {
  const end = performance.now() + WITHIN_MS
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${WITHIN_MS} ms: ${condition.toString()}`)
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}
