// How the editor looks: the tokens of the page reach into its shadow root.

import { EditorView } from "@codemirror/view";

export const look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--serif)", fontSize: "1.0625rem", lineHeight: "1.65", overflow: "auto" },
  ".cm-content": { padding: "1rem 1.25rem 40vh", maxWidth: "44rem", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  ".cm-placeholder": { color: "var(--quiet)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "var(--accent-wash)",
  },
});

const SHEET = `
  :host { display: block; height: 100%; }
  .caret { position: relative; border-left: 2px solid var(--hue); margin: 0 -1px; }
  .caret::after {
    content: attr(data-name); position: absolute; left: -2px; bottom: 100%; padding: 0 0.375rem; border-radius: 0.25rem 0.25rem 0.25rem 0;
    background: var(--hue); color: light-dark(#fff, #14171a); font: 600 0.6875rem/1.5 var(--sans); white-space: nowrap;
    pointer-events: none; z-index: 1; animation: leave 0.6s 4s forwards;
  }
  @keyframes leave { to { opacity: 0; } }
  .cm-line:first-of-type .caret::after { bottom: auto; top: 100%; border-radius: 0 0.25rem 0.25rem 0.25rem; }
  .selected-by { background: color-mix(in srgb, var(--hue) 22%, transparent); }
  ${["#0b6b6b, #62c7bd", "#9a3f14, #f0a079", "#4b4fb0, #a9adf5", "#8a2f6b, #e79acb", "#3d6b1f, #a5d07f", "#7a5200, #e0b860", "#22639c, #86bdf0", "#8d2f3f, #f0949f"]
    .map((pair, n) => `.hue-${n} { --hue: light-dark(${pair}); }`).join("\n")}
`;

export function lookSheet(): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(SHEET);
  return sheet;
}
