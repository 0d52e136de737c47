// Our own few icons, 20 by 20, in the colour of the words beside them.

import type { JSX } from "preact";

const PATHS = {
  back: "M12 4 6 10l6 6",
  close: "m5 5 10 10M15 5 5 15",
  down: "M10 4v11m-5-5 5 5 5-5",
  history: "M3.5 10a6.5 6.5 0 1 0 2-4.7L3.5 7M3.5 3.5V7H7M10 6.5V10l2.5 1.5",
  link: "M8.5 11.5a3 3 0 0 0 4.2 0l2.6-2.6a3 3 0 0 0-4.2-4.2l-1 1m1.4 2.8a3 3 0 0 0-4.2 0l-2.6 2.6a3 3 0 0 0 4.2 4.2l1-1",
  mic: "M10 3a2.2 2.2 0 0 0-2.2 2.2v4.6a2.2 2.2 0 0 0 4.4 0V5.2A2.2 2.2 0 0 0 10 3Zm-5 6.5a5 5 0 0 0 10 0M10 14.5V17",
  more: "M4.5 10h.01M10 10h.01M15.500 10h.01",
  people: "M7.500 9.500a2.700 2.700 0 1 0 0-5.400 2.700 2.700 0 0 0 0 5.400ZM2.500 16c.4-2.800 2.400-4.200 5-4.200s4.600 1.400 5 4.200M13 4.400a2.600 2.600 0 0 1 0 5M14.500 12c1.800.5 2.800 1.900 3 4",
  pin: "M7 3h6l-1 5 3 3H5l3-3-1-5Zm3 8v6",
  play: "M6 4v12l10-6L6 4Z",
  plus: "M10 4v12M4 10h12",
  reply: "M8 5 3.500 9.500 8 14m-4.500-4.500H12a4.500 4.500 0 0 1 4.500 4.500v1",
  send: "M3 10 17 4l-4 13-3.500-5L3 10Zm6.500 2L17 4",
  smile: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7 11.500a3.600 3.600 0 0 0 6 0M7.500 8h.01M12.500 8h.01",
  stop: "M5.500 5.500h9v9h-9z",
  theme: "M10 3a7 7 0 1 0 0 14V3Zm0 0a7 7 0 0 1 0 14",
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }): JSX.Element {
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
