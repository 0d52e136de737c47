/** Pages of what is older than a live view shows, kept for one component. */

import type { Message, TranscriptLine } from '@collab/client'
import { useCallback, useRef, useState } from 'react'

/** What was paged to so far. */
export interface Older<I> {
  readonly items: readonly I[]
  /** There is nothing older. */
  readonly isWhole: boolean
  readonly load: () => Promise<void>
}

/** Returns what names a message. */
export function idOf (message: Message): number {
  return message.id
}

/** Returns what names a line: revisions of one segment are one line. */
export function segmentOf (line: TranscriptLine): string {
  return `${line.provider}\0${line.segment}`
}

/** Returns `older` and `newer` as one list; what is in both is as in `newer`. */
export function inFront<I> (older: readonly I[], newer: readonly I[], keyOf: (item: I) => unknown): readonly I[] {
  if (older.length === 0) return newer
  const known = new Set(newer.map(keyOf))
  return [...older.filter(item => !known.has(keyOf(item))), ...newer]
}

/**
 * Keeps the pages of what is called `name`; `open` begins at the newest of them. A page that brings
 * nothing beyond `newest`, which is shown anyway, is followed by the next.
 */
export function useOlder<I> (
  name: string, keyOf: (item: I) => unknown, newest: readonly I[], open: () => AsyncGenerator<I[], void>
): Older<I> {
  const latest = useRef({ newest, open })
  latest.current = { newest, open }
  const [held, hold] = useState<{ readonly of: string, readonly items: readonly I[], readonly isWhole: boolean }>(
    { of: name, items: [], isWhole: false })
  const reading = useRef<{ readonly of: string, readonly pages: AsyncGenerator<I[], void>, next: Promise<void> | null } | null>(null)
  const load = useCallback(async (): Promise<void> => {
    if (reading.current?.of !== name) reading.current = { of: name, pages: latest.current.open(), next: null }
    const { current } = reading
    const readNext = async (): Promise<void> => {
      try {
        const known = new Set(latest.current.newest.map(keyOf))
        for (;;) {
          const { value, done } = await current.pages.next()
          const items = (value ?? []).filter(item => !known.has(keyOf(item)))
          if (items.length === 0 && done !== true) continue
          return hold(before => ({
            of: name,
            items: inFront(items, before.of === name ? before.items : [], keyOf),
            isWhole: done === true
          }))
        }
      } catch (error) {
        reading.current = null // A generator that has thrown is over: the next attempt begins anew.
        throw error
      } finally {
        current.next = null
      }
    }
    await (current.next ??= readNext()) // Pressed twice, it is one page.
  }, [name])
  return held.of === name ? { items: held.items, isWhole: held.isWhole, load } : { items: [], isWhole: false, load }
}
