// My meetings and chats, as the server keeps the list for me on all my devices.

import { type Client, type ListShown, loadList, mergedItems, reduceList } from "@collab/client";
import type { ListedItem, ListPage } from "@collab/client/wire";
import { Store } from "../store";
import { reasonOf } from "../words";

export interface MyItems extends ListShown {
  readonly isLoaded: boolean;
  readonly problem: string;
}

export const NOTHING_LISTED: MyItems = { items: [], cursor: null, isLoaded: false, problem: "" };

export class MyList {
  readonly items = new Store<MyItems>(NOTHING_LISTED);
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
    this.items.update((held) => ({ ...held, items: mergedItems(page.items, held.items), cursor: page.cursor }));
  }

  async pin(item: ListedItem): Promise<void> {
    const args = { target: item.target, on: item.pinned_ms === null };
    try {
      await this.#client.call(this.#target, "user.pin", args);
      this.items.update((held) => ({ ...held, problem: "" }));
    } catch (error) {
      this.items.update((held) => ({ ...held, problem: `"${item.title}" is as it was: ${reasonOf(error)}` }));
    }
  }

  async #follow(): Promise<void> {
    const signal = this.#leaving.signal;
    try {
      for await (const item of this.#client.follow(this.#target, ["list"], { signal })) {
        if (item.kind === "snapshot") {
          this.items.set({ ...loadList(item.topics), isLoaded: true, problem: "" });
        } else if (item.kind === "event") {
          this.items.update((held) => ({ ...held, ...reduceList(held, item) }));
        }
      }
    } catch (error) {
      if (!signal.aborted) this.items.update((held) => ({ ...held, isLoaded: true, problem: reasonOf(error) }));
    }
  }
}

/** What is not put away, pinned ones first. */
export function shownItems(items: readonly ListedItem[]): readonly ListedItem[] {
  const rank = (item: ListedItem): number => (item.pinned_ms === null ? 1 : 0);
  return items.filter((item) => item.archived_ms === null).sort((a, b) => rank(a) - rank(b)); // It keeps the order else.
}
