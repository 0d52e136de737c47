// Where the others are in the text: a line with their name, and what they have selected.
//
// A layer of our own, not y-codemirror's: that one writes style attributes, which the page's content
// security policy forbids, and speaks awareness, where here presence carries places.

import { type Extension, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";
import { hueNumber } from "../words";

/** Somebody in this text, in UTF-16 units from its beginning. */
export interface Caret {
  readonly client: number;
  readonly user: string;
  readonly anchor: number;
  readonly head: number;
}

export const showCarets = StateEffect.define<readonly Caret[]>();

class CaretWidget extends WidgetType {
  readonly #user: string;
  readonly #head: number; // Whoever moves is drawn anew, so that the name is seen again for a while.

  constructor(user: string, head: number) {
    super();
    this.#user = user;
    this.#head = head;
  }

  override eq(other: CaretWidget): boolean {
    return other.#user === this.#user && other.#head === this.#head;
  }

  override toDOM(): HTMLElement {
    const line = document.createElement("span");
    line.className = `caret hue-${hueNumber(this.#user)}`;
    line.setAttribute("aria-hidden", "true");
    line.dataset["name"] = this.#user; // Shown by the style sheet: it is no part of the text.
    return line;
  }

  override ignoreEvent(): boolean {
    return true;
  }
}

const field = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(held, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(showCarets)) return decorate(effect.value, transaction.newDoc.length);
    }
    return held.map(transaction.changes);
  },
  provide: (own) => EditorView.decorations.from(own),
});

function decorate(carets: readonly Caret[], length: number): DecorationSet {
  const marks = carets.flatMap((caret) => {
    const head = Math.min(caret.head, length);
    const anchor = Math.min(caret.anchor, length);
    const [from, to] = [Math.min(head, anchor), Math.max(head, anchor)];
    const line = Decoration.widget({ widget: new CaretWidget(caret.user, caret.head), side: head < anchor ? -1 : 1 }).range(head);
    if (from === to) return [line];
    return [line, Decoration.mark({ class: `selected-by hue-${hueNumber(caret.user)}` }).range(from, to)];
  });
  return Decoration.set(marks, true);
}

export const carets: Extension = field;
