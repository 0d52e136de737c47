// One chat, live: what it is, what one may do in it, its messages.
//
//   opening --chat.get--> here | shut
//   here    --the server ends the subscription--> opening

import { type Client, type EventItem, type Item, SubscriptionEnded } from "@collab/client";
import type { Chat, ChatAndRole, MembersSnapshot } from "@collab/client/wire";
import { Store } from "../store";
import { codeOf, reasonOf } from "../words";
import { Conversation } from "./conversation";
import { handBackDrafts } from "./unkept";

export type ChatNow =
  | { is: "opening" }
  | { is: "here"; chat: Chat; role: string }
  | { is: "shut"; code: string; reason: string };

const ENDS_MAX = 3; // Subscriptions in a row that end before anything came.
const OPEN_TIMEOUT_MS = 24 * 3600 * 1000; // Without a connection it waits until there is one.

export class ChatRoom {
  readonly now = new Store<ChatNow>({ is: "opening" });
  readonly conversation: Conversation;
  readonly target: string;
  readonly #client: Client;
  readonly #user: string;
  readonly #leaving = new AbortController();
  #isFresh = false; // Something came since we began to follow.

  constructor(client: Client, target: string, user: string) {
    this.#client = client;
    this.target = target;
    this.#user = user;
    this.conversation = new Conversation(client, target);
    void this.#open();
  }

  close(): void {
    this.#leaving.abort();
  }

  async add(userId: string, role: string): Promise<void> {
    await this.#client.call(this.target, "members.add", { user_id: userId, role });
  }

  /** Follows the chat until it may not be followed any more. */
  async #open(): Promise<void> {
    const signal = this.#leaving.signal;
    try {
      // A member who was removed may still be let in by the public link.
      for (let ends = 0; ends < ENDS_MAX; ) {
        const found = await this.#find();
        try {
          await this.#follow(found);
          return;
        } catch (error) {
          if (!(error instanceof SubscriptionEnded)) throw error;
          ends = this.#isFresh ? 1 : ends + 1;
        }
      }
      throw new Error("the chat cannot be followed");
    } catch (error) {
      if (signal.aborted) return;
      const reason = reasonOf(error);
      this.now.set({ is: "shut", code: codeOf(error), reason });
      handBackDrafts(reason, this.target);
    }
  }

  async #find(): Promise<ChatAndRole> {
    const options = { isRead: true, signal: this.#leaving.signal, timeoutMs: OPEN_TIMEOUT_MS };
    return (await this.#client.call(this.target, "chat.get", {}, options)) as unknown as ChatAndRole;
  }

  async #follow(found: ChatAndRole): Promise<void> {
    this.#isFresh = false;
    const isMember = found.role !== "public";
    const leaving = new AbortController();
    const signal = AbortSignal.any([this.#leaving.signal, leaving.signal]);
    const topics = isMember ? ["state", "messages", "members"] : ["state", "messages"];
    let now = { chat: found as Chat, role: found.role as string };
    try {
      if (!isMember) this.#watchForMembership(signal, leaving);
      for await (const item of this.#client.follow(this.target, topics, { signal })) {
        this.#isFresh = true;
        now = this.#after(now, item);
        this.now.set({ is: "here", ...now });
      }
    } finally {
      leaving.abort();
    }
  }

  /** Who came through the public link is told by their own list that they are a member from now on. */
  #watchForMembership(signal: AbortSignal, leaving: AbortController): void {
    const watch = async (): Promise<void> => {
      for await (const item of this.#client.follow(`user:${this.#user}`, ["list"], { signal })) {
        if (item.kind !== "event" || item.data["target"] !== this.target) continue;
        const { role } = await this.#find();
        if (role !== "public") return leaving.abort(new SubscriptionEnded("moved", "one is a member now"));
      }
    };
    watch().catch(() => undefined); // Without it one reads on, as the public does.
  }

  #after(now: { chat: Chat; role: string }, item: Item): { chat: Chat; role: string } {
    if (item.kind === "snapshot") {
      this.conversation.load(item.topics);
      const members = item.topics["members"] as unknown as MembersSnapshot | undefined;
      return { chat: item.topics["state"] as unknown as Chat, role: members?.members[this.#user] ?? now.role };
    }
    if (item.kind !== "event") return now;
    if (item.topic === "messages") {
      this.conversation.take(item);
      return now;
    }
    if (item.topic === "members") return { ...now, role: roleAfter(now.role, item, this.#user) };
    return { ...now, chat: { ...now.chat, ...item.data } };
  }
}

/** Returns what somebody is after an event of the topic `members`. */
function roleAfter(role: string, event: EventItem, user: string): string {
  const { user_id, to_id, owner_id, role: given } = event.data as Record<string, string>;
  if (event.type === "chat.transferred") return owner_id === user ? "owner" : role === "owner" ? "editor" : role;
  const isMine = event.type === "member.moved" ? to_id === user : user_id === user && event.type !== "member.removed";
  return isMine ? given! : role;
}
