/**
 * How fast calls leave: at once, until the server says that it is too fast.
 *
 * The server counts refused messages too, so going on as before would make it worse and at last end
 * the connection. After a complaint calls leave one by one, a little below the usual allowance; after
 * a complaint about that, at half the rate. Every `PACE_PROBE_MS` without one the rate doubles.
 */

import { MESSAGE_RATE_PER_S, PACE_PROBE_MS } from './limits.js'

const SHARE = 0.9 // The rest is for pings and subscriptions.
const RATE_MIN_PER_S = 1

/** Pace of one connection. Times are those of `performance.now()`, in ms. */
export class Pace {
  /** No call may leave before. */
  nextAt = -Infinity
  #ratePerS = Infinity
  #complaintAt = -Infinity

  /** A call leaves. */
  spend (now: number): void {
    if (this.#ratePerS === Infinity) return
    if (now >= this.#complaintAt + PACE_PROBE_MS) {
      this.#ratePerS *= 2
      this.#complaintAt = now
    }
    this.nextAt = Math.max(this.nextAt, now) + 1000 / this.#ratePerS
  }

  /** The server refused a call that was sent at `sentAt`; it takes more in `waitMs`. */
  slowDown (now: number, sentAt: number, waitMs: number): void {
    this.nextAt = Math.max(this.nextAt, now + waitMs)
    if (sentAt <= this.#complaintAt) return // It had left before we slowed down.
    this.#ratePerS = this.#ratePerS === Infinity
      ? MESSAGE_RATE_PER_S * SHARE
      : Math.max(RATE_MIN_PER_S, this.#ratePerS / 2)
    this.#complaintAt = now
  }
}
