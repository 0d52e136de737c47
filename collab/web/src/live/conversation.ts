// The messages of a meeting or a chat: those in history, those on their way, paging back.

import { type Client, type EventItem, loadMessages, type MessagesShown, newKey, reduceMessages, type SnapshotItem } from "@collab/client";
import type { MessagesPage } from "@collab/client/wire";
import { Store } from "../store";
import { reasonOf } from "../words";
import { joined, NO_MESSAGES, withPage } from "./messages";
import { handBack } from "./unkept";

/** One of our own that history does not hold yet. */
export interface Pending {
  readonly key: string;
  readonly text: string;
  readonly replyTo: number | null;
  readonly atMs: number;
  /** Why it was refused; null: it is on its way. */
  readonly problem: string | null;
  /** Its id, once history holds it: from then on the message itself is shown. */
  readonly id: number | null;
}

const PAGE = 50;

export class Conversation {
  readonly messages = new Store<MessagesShown>(NO_MESSAGES);
  readonly pending = new Store<readonly Pending[]>([]);
  readonly isPaging = new Store(false);
  /** Why the newest reaction or page did not come to be; empty: it did. */
  readonly problem = new Store("");
  readonly target: string;
  readonly #client: Client;
  /** What was told of messages while a page was under way. */
  #whilePaging: EventItem[] | null = null;
  /** The first message of a snapshot that came meanwhile: what is before it is to be asked for again. */
  #stale: number | undefined;
  #isShown = false;

  constructor(client: Client, target: string) {
    this.#client = client;
    this.target = target;
  }

  /** Somebody sees what is pending, until the returned function is called; then they are told elsewhere. */
  show(): () => void {
    this.#isShown = true;
    return () => {
      this.#isShown = false;
      for (const one of this.pending.value) this.#handBack(one);
    };
  }

  load(topics: SnapshotItem["topics"]): void {
    const fresh = loadMessages(topics);
    this.messages.update((held) => joined(held, fresh));
    this.#settle();
    void this.#pageAgain(fresh.messages[0]?.id);
  }

  take(event: EventItem): void {
    this.messages.update((held) => reduceMessages(held, event));
    if (event.type !== "message.posted") this.#whilePaging?.push(event);
    if (event.type === "message.posted") this.#settle();
  }

  async post(text: string, replyTo: number | null): Promise<void> {
    const key = newKey();
    const pending: Pending = { key, text, replyTo, atMs: Date.now(), problem: null, id: null };
    this.pending.update((list) => [...list, pending]);
    await this.#send(pending);
  }

  async again(pending: Pending): Promise<void> {
    this.#change(pending.key, { problem: null });
    await this.#send(pending);
  }

  forget(pending: Pending): void {
    this.pending.update((list) => list.filter((other) => other.key !== pending.key));
  }

  async react(id: number, emoji: string, on: boolean): Promise<void> {
    this.problem.set("");
    try {
      await this.#client.call(this.target, "messages.react", { id, emoji, on });
    } catch (error) {
      this.problem.set(reasonOf(error));
    }
  }

  async remove(id: number, isOwn: boolean): Promise<void> {
    await this.#client.call(this.target, isOwn ? "messages.delete" : "messages.delete_any", { id });
  }

  async pageBack(): Promise<void> {
    const { messages, more } = this.messages.value;
    const first = messages[0];
    if (!more || !first || this.#whilePaging) return;
    this.isPaging.set(true);
    await this.#page(first.id, () => false);
    this.isPaging.set(false);
  }

  /** What was paged back may have changed while nobody told us: asks for it again, page by page. */
  async #pageAgain(fresh: number | undefined): Promise<void> {
    if (this.#whilePaging) {
      this.#stale = fresh; // When the pages under way are here.
      return;
    }
    this.#stale = undefined;
    const hasOlder = (before: number): boolean => this.messages.value.messages.findIndex(({ id }) => id === before) > 0;
    if (fresh !== undefined && hasOlder(fresh)) await this.#page(fresh, hasOlder);
  }

  /** Fetches the page before a message, and those before it as long as `goesOn` says so of their first. */
  async #page(from: number, goesOn: (first: number) => boolean): Promise<void> {
    this.problem.set("");
    try {
      for (let before: number | null = from; before !== null; ) {
        const meanwhile: EventItem[] = (this.#whilePaging = []);
        const at: number = before;
        const options = { isRead: true };
        const page = (await this.#client.call(this.target, "messages.page", { before: at, limit: PAGE }, options)) as unknown as MessagesPage;
        // The page may be older than what was told since.
        this.messages.update((held) => meanwhile.reduce(reduceMessages, withPage(held, at, page.messages, page.more)));
        const first = page.messages[0]?.id;
        before = first !== undefined && goesOn(first) ? first : null;
      }
    } catch (error) {
      this.problem.set(`Older messages could not be fetched: ${reasonOf(error)}`); // Scrolling asks again.
    } finally {
      this.#whilePaging = null;
    }
    if (this.#stale !== undefined) void this.#pageAgain(this.#stale);
  }

  async #send({ key, text, replyTo }: Pending): Promise<void> {
    const args = replyTo === null ? { text } : { text, reply_to: replyTo };
    try {
      // Hours, not seconds: without a connection it waits here until there is one.
      const timeoutMs = 24 * 3600 * 1000;
      const answer = await this.#client.call(this.target, "messages.post", args, { key, timeoutMs });
      this.#change(key, { id: (answer as { id: number }).id });
      this.#settle();
    } catch (error) {
      this.#change(key, { problem: reasonOf(error) });
      const refused = this.pending.value.find((one) => one.key === key);
      if (refused && !this.#isShown) this.#handBack(refused);
    }
  }

  /** What was refused, and nobody looks at any more, is not to be lost without a word. */
  #handBack(pending: Pending): void {
    if (pending.problem === null) return; // It is still on its way.
    this.forget(pending);
    handBack(this.target, "messages", pending.text, pending.problem);
  }

  #change(key: string, fields: Partial<Pending>): void {
    this.pending.update((list) => list.map((one) => (one.key === key ? { ...one, ...fields } : one)));
  }

  /** Lets go of what history shows. */
  #settle(): void {
    const newest = this.messages.value.messages.at(-1)?.id ?? 0;
    this.pending.update((list) => {
      const kept = list.filter((one) => one.id === null || one.id > newest);
      return kept.length === list.length ? list : kept;
    });
  }
}
