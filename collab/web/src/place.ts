// Where in the page we are: the address, as a value.

import { Store } from "./store";

export type Place =
  | { view: "home" }
  | { view: "meeting"; key: string }
  | { view: "chat"; key: string }
  | { view: "admin" }
  | { view: "nowhere" };

export function placeOf(path: string): Place {
  if (path === "/") return { view: "home" };
  if (path === "/admin") return { view: "admin" };
  const [, view, key] = path.match(/^\/(meeting|chat)\/([^/]+)$/) ?? [];
  const plain = key === undefined ? "" : decoded(key);
  if ((view === "meeting" || view === "chat") && plain) return { view, key: plain };
  return { view: "nowhere" };
}

/** Undoes the escapes of a part of an address; "" if they are none. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return ""; // A link that was cut off in the middle of a letter, say.
  }
}

/** Returns the path of a meeting's or chat's page; null: it has none. */
export function pathOf(target: string): string | null {
  const colon = target.indexOf(":");
  const kind = target.slice(0, colon);
  if (kind !== "meeting" && kind !== "chat") return null;
  return `/${kind}/${encodeURIComponent(target.slice(colon + 1))}`;
}

export const place = new Store<Place>(placeOf(location.pathname));

export function go(path: string): void {
  if (path !== location.pathname) history.pushState(null, "", path);
  place.set(placeOf(location.pathname));
}

addEventListener("popstate", () => place.set(placeOf(location.pathname)));

// Links within the page need no load; whoever wants a new tab gets one.
addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target) return;
  if (link.origin !== location.origin || placeOf(link.pathname).view === "nowhere") return;
  event.preventDefault();
  go(link.pathname);
});
