/** How long to wait before trying again: full jitter under a ceiling that doubles and rests. */

import { RECONNECT_DELAY_MAX_MS, RECONNECT_DELAY_MIN_MS, RECONNECT_DELAY_SOON_MS, RECONNECT_SOON_TRIES } from './limits.js'

/** A source of numbers in [0, 1): `Math.random`, or a seeded one. */
export type Random = () => number

/**
 * Returns the longest wait in ms after so many failures in a row, none included.
 *
 * It doubles up to what suits a server that restarts, stays there for a while, and doubles on up to
 * what suits one that is gone.
 */
export function reconnectCeilingMs (failures: number): number {
  if (failures < RECONNECT_SOON_TRIES) {
    return Math.min(RECONNECT_DELAY_SOON_MS, RECONNECT_DELAY_MIN_MS * 2 ** failures)
  }
  const late = Math.min(failures - RECONNECT_SOON_TRIES, 32)
  return Math.min(RECONNECT_DELAY_MAX_MS, RECONNECT_DELAY_SOON_MS * 2 ** (late + 1))
}

/** Delays of one row of failures. Random, so that a thousand clients do not come at once. */
export class Backoff {
  readonly #random: Random
  #failures = 0

  constructor (random: Random) {
    this.#random = random
  }

  /** Returns the next delay in ms. */
  nextMs (): number {
    return this.#random() * reconnectCeilingMs(this.#failures++)
  }

  /** Starts over at the lowest ceiling: something worked. */
  reset (): void {
    this.#failures = 0
  }
}
