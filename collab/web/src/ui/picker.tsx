import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons";

const EMOJI = ["👍", "❤️", "😄", "🎉", "👀", "🙏"] as const;
const CHOICES_PX = 56; // How much room the choices need below the button, or above it.

/** A button that opens a row of reactions; closes when one is picked, by Escape, or when one goes elsewhere. */
export function EmojiPicker({ onPick }: { onPick: (emoji: string) => Promise<void> }): JSX.Element {
  const [side, setSide] = useState<"closed" | "up" | "down">("closed");
  const place = useRef<HTMLSpanElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const isOpen = side !== "closed";
  useEffect(() => {
    if (!isOpen) return undefined;
    const onElsewhere = (event: Event): void => {
      if (event.target instanceof Node && !place.current?.contains(event.target)) setSide("closed");
    };
    for (const type of ["pointerdown", "focusin"]) document.addEventListener(type, onElsewhere);
    return () => {
      for (const type of ["pointerdown", "focusin"]) document.removeEventListener(type, onElsewhere);
    };
  }, [isOpen]);
  const toggle = (): void => setSide(isOpen ? "closed" : sideFor(button.current!));
  const close = (): void => {
    setSide("closed");
    button.current!.focus(); // What had it goes.
  };
  return (
    <span ref={place} class="picker" onKeyDown={(event) => event.key === "Escape" && close()}>
      <button ref={button} type="button" class="button-plain button-icon" aria-label="React" title="React" aria-expanded={isOpen} onClick={toggle}>
        <Icon name="smile" />
      </button>
      {isOpen && (
        <span class={`picker-choices picker-${side}`} role="group" aria-label="Reactions">
          {EMOJI.map((emoji) => (
            <button
              key={emoji} type="button" class="button-plain button-icon" aria-label={`React with ${emoji}`}
              onClick={() => { close(); void onPick(emoji); }}
            >
              {emoji}
            </button>
          ))}
        </span>
      )}
    </span>
  );
}

/** The list cuts off what stands out of it: near its end the choices are above. */
function sideFor(button: HTMLElement): "up" | "down" {
  const list = button.closest(".virtual-list")?.getBoundingClientRect();
  const { top, bottom } = button.getBoundingClientRect();
  if (list === undefined || list.bottom - bottom >= CHOICES_PX) return "down";
  return top - list.top >= CHOICES_PX ? "up" : "down";
}
