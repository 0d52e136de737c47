// What was said, in order of speech. Of the same segment the highest revision counts.

import type { TranscriptLine as Line, TranscriptSnapshot } from "@collab/client";
import type { EventItem } from "@collab/client";

/** `lines` is replaced, not changed, whenever something else is in it. */
export interface Transcript {
  readonly lines: readonly Line[];
  /** Where to page back from; null: nothing is older. */
  readonly before: number | null;
}

export const NOTHING_SAID: Transcript = { lines: [], before: null };

export function keyOf(line: Line): string {
  return `${line.provider}\0${line.segment}`;
}

/** Holds all lines; `transcript()` is a value to show. */
export class TranscriptLog {
  #lines: Line[] = [];
  #places = new Map<string, Line>();
  #before: number | null = null;
  #shown: Transcript = NOTHING_SAID;
  #isChanged = false;

  load(snapshot: TranscriptSnapshot): void {
    const first = snapshot.lines[0];
    const goesOn = first !== undefined && this.#places.has(keyOf(first));
    if (!goesOn) {
      this.#lines = [];
      this.#places.clear();
      this.#before = snapshot.before;
    }
    for (const line of snapshot.lines) this.put(line);
    this.#isChanged = true;
  }

  take(event: EventItem): void {
    if (event.type === "transcript.added") this.put({ ...(event.data as unknown as Line), seq: event.seq });
  }

  prepend(lines: readonly Line[], before: number | null): void {
    for (const line of lines) this.put(line);
    this.#before = before;
    this.#isChanged = true;
  }

  put(line: Line): void {
    const key = keyOf(line);
    const held = this.#places.get(key);
    if (held !== undefined && held.revision >= line.revision) return;
    if (held !== undefined) this.#lines.splice(this.#placeOf(held), 1);
    this.#places.set(key, line);
    this.#lines.splice(this.#placeOf(line), 0, line);
    this.#isChanged = true;
  }

  transcript(): Transcript {
    if (this.#isChanged) this.#shown = { lines: this.#lines.slice(), before: this.#before };
    this.#isChanged = false;
    return this.#shown;
  }

  /** Finds where a line stands or would stand; new ones are nearly always at the end. */
  #placeOf(line: Line): number {
    let low = 0;
    let high = this.#lines.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = this.#lines[middle]!;
      if (there.start_ms < line.start_ms || (there.start_ms === line.start_ms && there.seq < line.seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
