// A list of any length of which only what can be seen is in the document. Rows have the heights they
// need: each is measured once it was shown, and guessed before.
//
// At its end the list stays at its end as rows come; elsewhere what one reads stays where it is.

import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useReducer, useRef } from "preact/hooks";

const BEYOND_PX = 400; // Rendered above and below what can be seen.
const NEAR_END_PX = 48;

export interface VirtualListProps<T> {
  items: readonly T[];
  keyOf: (item: T) => string;
  guessPx: number;
  render: (item: T, n: number) => ComponentChildren;
  label: string;
  /** Somebody has scrolled up to the first row. */
  onStart?: () => void;
  /** Whether the end can be seen, whenever that changes. */
  onEnd?: (isAtEnd: boolean) => void;
  /** Changes when the list shall go to its end. */
  jump: number;
  className?: string;
}

interface Memory {
  heights: Map<string, number>;
  isAtEnd: boolean;
  /** The first row in sight, and how far above the edge it begins. */
  anchor: { key: string; offset: number } | null;
  jump: number;
  width: number;
}

export function VirtualList<T>(props: VirtualListProps<T>): JSX.Element {
  const { items, keyOf, guessPx } = props;
  const box = useRef<HTMLDivElement>(null);
  const [, again] = useReducer((n: number) => n + 1, 0);
  const memory = useRef<Memory>({ heights: new Map(), isAtEnd: true, anchor: null, jump: props.jump, width: 0 }).current;

  const tops = new Float64Array(items.length + 1);
  items.forEach((item, n) => (tops[n + 1] = tops[n]! + (memory.heights.get(keyOf(item)) ?? guessPx)));
  const total = tops[items.length]!;

  const height = box.current?.clientHeight ?? 600;
  const scrolled = memory.isAtEnd ? Math.max(0, total - height) : (box.current?.scrollTop ?? 0);
  const first = Math.max(0, rowAt(tops, scrolled - BEYOND_PX));
  const last = Math.min(items.length, rowAt(tops, scrolled + height + BEYOND_PX) + 1);

  useLayoutEffect(() => {
    const list = box.current!;
    let isOff = false;
    if (list.clientWidth !== memory.width) {
      if (memory.width !== 0) memory.heights.clear(); // Lines break elsewhere now.
      memory.width = list.clientWidth;
    }
    for (const row of list.querySelectorAll<HTMLElement>("[data-row]")) {
      const key = row.dataset["row"]!;
      const measured = row.getBoundingClientRect().height;
      if (Math.abs((memory.heights.get(key) ?? guessPx) - measured) > 0.5) {
        memory.heights.set(key, measured);
        isOff = true;
      }
    }
    if (memory.jump !== props.jump) {
      memory.jump = props.jump;
      memory.isAtEnd = true;
      isOff = true;
    }
    if (isOff) return again(undefined as never);
    if (memory.isAtEnd) {
      list.scrollTop = list.scrollHeight;
    } else if (memory.anchor) {
      const n = items.findIndex((item) => keyOf(item) === memory.anchor!.key);
      if (n >= 0) {
        const wanted = tops[n]! + memory.anchor.offset;
        if (Math.abs(list.scrollTop - wanted) > 1) list.scrollTop = wanted;
      }
    }
    props.onEnd?.(memory.isAtEnd);
  });

  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => again(undefined as never));
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);

  const onScroll = (): void => {
    const list = box.current!;
    memory.isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END_PX;
    const n = rowAt(tops, list.scrollTop);
    const item = items[n];
    memory.anchor = item === undefined ? null : { key: keyOf(item), offset: list.scrollTop - tops[n]! };
    if (list.scrollTop < BEYOND_PX) props.onStart?.();
    again(undefined as never);
  };

  return (
    <div
      ref={box}
      class={`virtual-list ${props.className ?? ""}`}
      role="log"
      aria-label={props.label}
      aria-live="off" // Rows come and go as one scrolls: what is new is said elsewhere.
      tabIndex={0}
      onScroll={onScroll}
    >
      <div class="virtual-all" style={{ height: `${total}px` }}>
        {items.slice(first, last).map((item, n) => (
          <div key={keyOf(item)} data-row={keyOf(item)} class="virtual-row" style={{ transform: `translateY(${tops[first + n]}px)` }}>
            {props.render(item, first + n)}
          </div>
        ))}
      </div>
    </div>
  );
}

/** Returns which row is at a height. */
function rowAt(tops: Float64Array, y: number): number {
  let low = 0;
  let high = tops.length - 1;
  while (low + 1 < high) {
    const middle = (low + high) >>> 1;
    if (tops[middle]! <= y) low = middle;
    else high = middle;
  }
  return low;
}
