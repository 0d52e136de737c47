// My meetings and chats, as the server keeps the list for me on all my devices.

import type { Client, EventItem } from "@collab/client";
import type { ListedItem, ListPage, ListSnapshot } from "@collab/client";
import { Store } from "../store";
import { reasonOf } from "../words";

export interface MyItems {
  readonly items: readonly ListedItem[];
  readonly cursor: string | null;
  readonly isLoaded: boolean;
  readonly problem: string;
}

type Change = Partial<ListedItem> & { target: string };
const NOTHING: MyItems = { items: [], cursor: null, isLoaded: false, problem: "" };

export class MyList {
  readonly items = new Store<MyItems>(NOTHING);
  readonly #client: Client;
  readonly #target: string;
  readonly #leaving = new AbortController();

  constructor(client: Client, user: string) {
    this.#client = client;
    this.#target = `user:${user}`;
    void this.#follow();
  }

  close(): void {
    this.#leaving.abort();
  }

  async pageBack(): Promise<void> {
    const { cursor } = this.items.value;
    if (cursor === null) return;
    const page = (await this.#client.call(this.#target, "user.list", { before: cursor }, { isRead: true })) as unknown as ListPage;
    this.items.update((held) => ({ ...held, items: merged([...held.items, ...page.items]), cursor: page.cursor }));
  }

  async pin(item: ListedItem): Promise<void> {
    await this.#client.call(this.#target, "user.pin", { target: item.target, on: item.pinned_ms === null });
  }

  async #follow(): Promise<void> {
    const signal = this.#leaving.signal;
    try {
      for await (const item of this.#client.follow(this.#target, ["list"], { signal })) {
        if (item.kind === "snapshot") {
          const list = (item.topics as unknown as { list: ListSnapshot }).list;
          const items = merged([...list.pinned, ...list.items]);
          this.items.set({ items, cursor: list.cursor, isLoaded: true, problem: "" });
        } else if (item.kind === "event") {
          this.items.update((held) => ({ ...held, items: reduce(held.items, item) }));
        }
      }
    } catch (error) {
      if (!signal.aborted) this.items.update((held) => ({ ...held, isLoaded: true, problem: reasonOf(error) }));
    }
  }
}

/** Each once, pinned ones first, then by when something last happened. */
function merged(items: readonly ListedItem[]): readonly ListedItem[] {
  const byTarget = new Map(items.map((item) => [item.target, item]));
  const rank = (item: ListedItem): number => (item.pinned_ms === null ? 0 : 1);
  return [...byTarget.values()].sort((a, b) => rank(b) - rank(a) || b.at_ms - a.at_ms);
}

function reduce(items: readonly ListedItem[], event: EventItem): readonly ListedItem[] {
  const change = event.data as unknown as Change;
  if (event.type === "user.unlisted") return items.filter((item) => item.target !== change.target);
  const held = items.find((item) => item.target === change.target);
  if (event.type !== "user.listed" && held === undefined) return items;
  if (event.type === "user.welcomed") change.is_request = false;
  const blank = { pinned_ms: null, archived_ms: null };
  const item = { ...blank, ...held, ...change } as ListedItem;
  const others = items.filter((other) => other.target !== item.target);
  return item.archived_ms === null ? merged([...others, item]) : others;
}
