// Copying, also where the browser keeps its clipboard from us: over plain HTTP, or when it was not allowed.

import type { JSX, RefObject } from "preact";
import { useState } from "preact/hooks";
import { Deed } from "./bits";

/** Copies what `from` shows: an input's value, or the text of anything else. */
export function CopyButton({ from, words = "Copy" }: { from: RefObject<HTMLElement | null>; words?: string }): JSX.Element {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    setCopied(false);
    await copyFrom(from.current!);
    setCopied(true);
  };
  return <Deed act={copy}>{isCopied ? "Copied" : words}</Deed>;
}

/** Rejects if nothing was copied; what was to be copied is selected then. */
async function copyFrom(element: HTMLElement): Promise<void> {
  const text = element instanceof HTMLInputElement ? element.value : (element.textContent ?? "");
  const clipboard = navigator.clipboard as Clipboard | undefined; // Only pages that came over TLS have one.
  const isDone = await clipboard?.writeText(text).then(() => true, () => false);
  if (isDone) return;
  if (element instanceof HTMLInputElement) element.select();
  else getSelection()?.selectAllChildren(element);
  if (!document.execCommand("copy")) throw new Error("Press Ctrl+C: it is selected.");
}
