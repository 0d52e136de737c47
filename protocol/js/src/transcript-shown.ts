/**
 * A transcript as one value that events move on. No I/O.
 *
 * One rule merges lines from wherever they come (the snapshot, events, pages): of the same (provider,
 * segment) the highest revision counts. They are shown in order of speech.
 */

import type { ChunkAdded, TranscriptLine, TranscriptSnapshot } from './generated/wire.js'
import type { EventItem, SnapshotItem } from './items.js'
import { BUCKET_PARTS_MAX, LINES_SHOWN_MAX } from './limits.js'

/** The newest lines: `LINES_SHOWN_MAX`, or as many as were paged to; `before`: where to page to older ones, null: none. */
export interface TranscriptShown {
  readonly lines: readonly TranscriptLine[]
  readonly watermarkMs: number
  readonly before: number | null
}

/** Returns the state of a snapshot of the topic `transcript`. */
export function loadTranscript (topics: SnapshotItem['topics']): TranscriptShown {
  const { lines, watermark_ms: watermarkMs, before } = topics['transcript'] as TranscriptSnapshot
  return { lines, watermarkMs, before }
}

/** Returns the state after `event`; what does not concern it changes nothing. */
export function reduceTranscript (shown: TranscriptShown, event: EventItem): TranscriptShown {
  if (event.type !== 'transcript.added') return shown
  const line: TranscriptLine = { ...(event.data as unknown as ChunkAdded), seq: event.seq }
  const lines = put(shown.lines, line)
  const watermarkMs = Math.max(shown.watermarkMs, line.end_ms)
  if (lines.length <= Math.max(LINES_SHOWN_MAX, shown.lines.length)) return { ...shown, lines, watermarkMs }
  const kept = lines.slice(1)
  // Pages begin at whole buckets: the one that the cut goes through is paged to again.
  return { lines: kept, watermarkMs, before: ((kept[0] as TranscriptLine).bucket + 1) * BUCKET_PARTS_MAX }
}

/** Returns `newer` with what a page of older lines brought. */
export function mergedLines (older: readonly TranscriptLine[], newer: readonly TranscriptLine[]): TranscriptLine[] {
  const newest = new Map<string, TranscriptLine>()
  for (const line of [...older, ...newer]) {
    const held = newest.get(keyOf(line))
    if (held === undefined || held.revision <= line.revision) newest.set(keyOf(line), line)
  }
  return [...newest.values()].sort(bySpeech)
}

/** Puts one line where it belongs: nearly always at or near the end, so it is looked for from there. */
function put (lines: readonly TranscriptLine[], line: TranscriptLine): readonly TranscriptLine[] {
  const held = lines.findLastIndex(other => other.segment === line.segment && other.provider === line.provider)
  if (held >= 0 && (lines[held] as TranscriptLine).revision > line.revision) return lines
  const next = lines.slice()
  if (held >= 0) next.splice(held, 1)
  const before = next.findLastIndex(other => bySpeech(other, line) <= 0)
  next.splice(before + 1, 0, line)
  return next
}

function keyOf (line: TranscriptLine): string {
  return `${line.provider}\0${line.segment}`
}

function bySpeech (a: TranscriptLine, b: TranscriptLine): number {
  return a.start_ms - b.start_ms || a.seq - b.seq
}
