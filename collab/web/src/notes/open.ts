// The editor of the notes: CodeMirror over a shared text, in a shadow root.
//
// The shadow root is for the content security policy: there CodeMirror adopts style sheets, while in
// the document it would write style elements, which the page forbids.

import { defaultKeymap } from "@codemirror/commands";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import type { Client } from "@collab/client";
import { LiveNotes, type NotesProvider, type RefusedEdits } from "@collab/client/yjs";
import { YSyncConfig, ySync, ySyncFacet } from "y-codemirror.next";
import * as Y from "yjs";
import { handBack } from "../live/unkept";
import type { Store } from "../store";
import { reasonOf, refusalOf } from "../words";
import { type Caret, carets, showCarets } from "./carets";
import { look, lookSheet } from "./look";
import { ROOT } from "./root";

export interface OpenNotes {
  setEditable: (mayEdit: boolean) => void;
  /** Nobody looks any more. What is not saved yet goes on being saved. */
  close: () => void;
}

interface Wanted {
  client: Client;
  target: string;
  user: string;
  parent: HTMLElement;
  /** 1 while something that was written here is not on the server's disk. */
  unsaved: Store<number>;
}

/**
 * Opens the notes in `parent`. When their document is replaced (edits were refused), so is the editor.
 * Words that cannot be saved, now or after it was closed, are handed back.
 */
export function openNotes({ client, target, user, parent, unsaved }: Wanted): OpenNotes {
  const host = document.createElement("div");
  host.className = "notes-host";
  const root = host.attachShadow({ mode: "open", delegatesFocus: true });
  root.adoptedStyleSheets = [lookSheet()];
  parent.append(host);

  const live = new LiveNotes(client, target);
  let mayEdit = false;
  const handedBack = new WeakSet<NotesProvider>();
  const handBackOf = (provider: NotesProvider): void => {
    const { refused, error } = provider.getSnapshot();
    if (refused === null || handedBack.has(provider)) return;
    handedBack.add(provider);
    handBack(target, "notes", wordsOf(refused), error === null ? refusalOf(refused.code, refused.message) : reasonOf(error));
  };
  const follow = (provider: NotesProvider): void => {
    unsaved.set(provider.getSnapshot().isSaved ? 0 : 1);
    handBackOf(provider);
  };
  let bound: Bound | null = null;
  const bind = (): void => {
    const { provider } = live.getSnapshot();
    if (bound?.provider === provider) return;
    if (bound !== null) handBackOf(bound.provider);
    bound?.close();
    provider.awareness.setLocalStateField("user", { name: user });
    bound = new Bound(root, provider, follow);
    bound.setEditable(mayEdit);
    follow(provider);
  };
  const forget = live.subscribe(bind);
  bind();

  return {
    setEditable: (may) => {
      mayEdit = may;
      bound?.setEditable(may);
    },
    close: () => {
      const { provider } = live.getSnapshot();
      forget();
      bound?.close();
      host.remove();
      live.close(); // What is not saved yet is saved although nobody looks any more, as soon as there is a connection.
      provider.saved().catch(() => handBackOf(provider));
    },
  };
}

/** An editor bound to one document. */
class Bound {
  readonly provider: NotesProvider;
  readonly #view: EditorView;
  readonly #editable = new Compartment();
  readonly #undo: Y.UndoManager;
  readonly #text: Y.Text;
  readonly #forget: () => void;

  constructor(root: ShadowRoot, provider: NotesProvider, onChange: (provider: NotesProvider) => void) {
    this.provider = provider;
    this.#text = provider.doc.getText(ROOT);
    this.#undo = new Y.UndoManager(this.#text, { captureTimeout: 500 });
    const config = new YSyncConfig(this.#text, null);
    this.#undo.addTrackedOrigin(config);
    this.#view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: this.#text.toString(),
        extensions: [this.#keys(), basics(), this.#editable.of(rights(false)), ySyncFacet.of(config), ySync, carets,
          EditorView.updateListener.of((update) => {
            if (update.selectionSet || update.focusChanged) queueMicrotask(() => this.#tellCaret());
          }),
        ],
      }),
    });
    provider.awareness.on("change", this.#showCarets);
    const forget = provider.subscribe(() => onChange(provider));
    this.#forget = () => {
      forget();
      provider.awareness.off("change", this.#showCarets);
    };
  }

  setEditable(mayEdit: boolean): void {
    this.#view.dispatch({ effects: this.#editable.reconfigure(rights(mayEdit)) });
  }

  close(): void {
    this.#forget();
    this.#undo.destroy();
    this.#view.destroy();
  }

  #keys(): Extension {
    const redo = (): boolean => this.#undo.redo() !== null;
    return keymap.of([
      { key: "Mod-z", run: () => this.#undo.undo() !== null, preventDefault: true },
      { key: "Mod-y", run: redo, preventDefault: true },
      { key: "Mod-Shift-z", run: redo, preventDefault: true },
      ...defaultKeymap,
    ]);
  }

  /** Says where we are in the shape that every binding of Yjs to an editor uses. */
  #tellCaret(): void {
    const { anchor, head } = this.#view.state.selection.main;
    const place = (index: number): unknown => Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(this.#text, index));
    const cursor = this.#view.hasFocus ? { anchor: place(anchor), head: place(head) } : null;
    const held = this.provider.awareness.getLocalState()?.["cursor"] ?? null;
    if (JSON.stringify(held) !== JSON.stringify(cursor)) this.provider.awareness.setLocalStateField("cursor", cursor);
  }

  readonly #showCarets = (): void => {
    const found: Caret[] = [];
    for (const [client, state] of this.provider.awareness.getStates()) {
      if (client === this.provider.awareness.clientID) continue;
      const { cursor, userId, user } = state as { cursor?: { anchor?: unknown; head?: unknown }; userId?: unknown; user?: { name?: unknown } };
      const [anchor, head] = [this.#indexOf(cursor?.anchor), this.#indexOf(cursor?.head)];
      if (anchor !== null && head !== null) found.push({ client, user: String(userId ?? user?.name ?? "?"), anchor, head });
    }
    this.#view.dispatch({ effects: showCarets.of(found) });
  };

  /** Returns where a place is now; null for what is none in this text, or not known here yet. */
  #indexOf(place: unknown): number | null {
    if (typeof place !== "object" || place === null) return null;
    try {
      const found = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(place), this.provider.doc);
      return found !== null && found.type === this.#text ? found.index : null;
    } catch {
      return null; // What others send is not believed.
    }
  }
}

/** Returns what was refused with all that stood around it. */
function wordsOf({ state }: RefusedEdits): string {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, state);
  return doc.getText(ROOT).toString();
}

function basics(): Extension {
  return [
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": "Shared notes", spellcheck: "true" }),
    drawSelection(),
    placeholder("Write together …"),
    look,
  ];
}

function rights(mayEdit: boolean): Extension {
  const focus = mayEdit ? [] : EditorView.contentAttributes.of({ tabindex: "0" });
  return [EditorState.readOnly.of(!mayEdit), EditorView.editable.of(mayEdit), focus];
}
