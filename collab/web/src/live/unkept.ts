// Words that the server does not have and will not get from here any more. They stand above everything,
// wherever one is in the page, until whoever wrote them lets them go.

import { Store } from "../store";

export interface Unkept {
  readonly id: number;
  readonly target: string;
  /** Notes are handed back whole, as often as they are refused; messages of one target, drafts too, together. */
  readonly what: "notes" | "messages";
  readonly reason: string;
  readonly text: string;
}

export const unkept = new Store<readonly Unkept[]>([]);
const drafts = new Map<string, string>(); // By target. As long as the tab, and whoever is signed in.
let lastId = 0;

/** Shows words to whoever wrote them. */
export function handBack(target: string, what: Unkept["what"], text: string, reason: string): void {
  unkept.update((all) => {
    const same = all.find((one) => one.target === target && one.what === what && (what === "messages" || one.text === text));
    if (same === undefined) return [...all, { id: ++lastId, target, what, text, reason }];
    const whole = what === "messages" ? `${same.text}\n\n${text}` : text;
    return all.map((one) => (one === same ? { ...one, reason, text: whole } : one));
  });
}

export function letGo(id: number): void {
  unkept.update((all) => all.filter((one) => one.id !== id));
}

/** Returns what was written for a target and not posted yet. */
export function draftOf(target: string): string {
  return drafts.get(target) ?? "";
}

export function keepDraft(target: string, text: string): void {
  if (text) drafts.set(target, text);
  else drafts.delete(target);
}

/** Hands back a draft that nobody can post any more; without a target all of them. */
export function handBackDrafts(reason: string, target?: string): void {
  for (const [where, text] of [...drafts]) {
    if (target !== undefined && where !== target) continue;
    drafts.delete(where);
    handBack(where, "messages", text, reason);
  }
}
