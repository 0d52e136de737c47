// One meeting, live: everything its page shows, each part a value of its own.
//
//   opening --meeting.get--> here | invited | nowhere | shut out
//   here    --the server ends the subscription--> opening

import {
  type Client, type EventItem, type Item, loadMeeting, type MeetingShown, reduceMeeting, type SnapshotItem, SubscriptionEnded,
} from "@collab/client";
import type { Meeting, MeetingAndRole, TranscriptPage, TranscriptSnapshot } from "@collab/client/wire";
import { Store } from "../store";
import { codeOf, reasonOf } from "../words";
import { Conversation } from "./conversation";
import { NOTHING_SAID, type Transcript, TranscriptLog } from "./transcript";
import { handBackDrafts } from "./unkept";

export type Standing = "opening" | "here" | "invited" | "nowhere" | "out";
const TOPICS = ["state", "participants", "transcript", "messages", "presence"] as const;
const ENDS_MAX = 3; // Subscriptions in a row that end before anything came.

export class Room {
  readonly client: Client;
  readonly target: string;
  readonly standing = new Store<Standing>("opening");
  readonly problem = new Store<string>("");
  /** What it is and who is in it; nobody is known before one is in oneself. */
  readonly meeting = new Store<MeetingShown | null>(null);
  readonly transcript = new Store<Transcript>(NOTHING_SAID);
  /** Why the newest page of the transcript did not come; empty: it did. */
  readonly pagingProblem = new Store("");
  /** How many connections each person is here with. */
  readonly present = new Store<ReadonlyMap<string, number>>(new Map());
  /** Grows whenever the meeting is followed anew, with other rights: the notes are opened anew then. */
  readonly life = new Store(0);
  /** It was shown here before it was closed. */
  wasHere = false;
  readonly conversation: Conversation;
  readonly #log = new TranscriptLog();
  readonly #sessions = new Map<string, string>();
  readonly #leaving = new AbortController();
  #isPaging = false;
  #isFresh = false; // Something came since we began to follow.

  constructor(client: Client, target: string) {
    this.client = client;
    this.target = target;
    this.conversation = new Conversation(client, target);
    void this.#open();
  }

  close(): void {
    this.#leaving.abort();
  }

  async join(): Promise<void> {
    await this.client.call(this.target, "participants.join");
    this.standing.set("opening");
    await this.#open();
  }

  /** Does something as a host does; rejects with why not. */
  async ask(op: string, args: object = {}): Promise<void> {
    await this.client.call(this.target, op, args);
  }

  async pageTranscript(): Promise<void> {
    const { before } = this.transcript.value;
    if (before === null || this.#isPaging) return;
    this.#isPaging = true;
    this.pagingProblem.set("");
    try {
      const page = (await this.client.call(this.target, "transcript.page", { before }, { isRead: true })) as unknown as TranscriptPage;
      const lines = page.buckets.flatMap((bucket) => bucket.lines);
      this.#log.prepend(lines, page.has_more && page.buckets[0] ? page.buckets[0].position : null);
      this.transcript.set(this.#log.transcript());
    } catch (error) {
      this.pagingProblem.set(`Earlier lines could not be fetched: ${reasonOf(error)}`); // Scrolling asks again.
    } finally {
      this.#isPaging = false;
    }
  }

  /** Follows the meeting until it may not be followed any more. */
  async #open(): Promise<void> {
    const signal = this.#leaving.signal;
    try {
      // Another role, or the end of the meeting, ends a subscription; what is left can be followed.
      for (let ends = 0; ends < ENDS_MAX; ) {
        const found = await this.#find(signal);
        this.#found(found);
        if (found.status === "") return this.standing.set("nowhere");
        if (found.role === "invited" || found.role === "left") return this.standing.set("invited");
        try {
          await this.#follow(found.role === "transcriber" ? TOPICS.filter((topic) => topic !== "messages") : TOPICS, signal);
          return;
        } catch (error) {
          if (!(error instanceof SubscriptionEnded)) throw error;
          ends = this.#isFresh ? 1 : ends + 1;
        }
      }
      throw new Error("the meeting cannot be followed");
    } catch (error) {
      if (signal.aborted) return;
      const isOut = codeOf(error) === "permission_denied";
      this.problem.set(isOut ? "" : reasonOf(error));
      this.standing.set(isOut ? "out" : "nowhere");
      handBackDrafts(isOut ? "you are not in this meeting any more" : reasonOf(error), this.target);
    }
  }

  /** Shows what may be known of it before it is followed. */
  #found(meeting: Meeting): void {
    this.meeting.update((held) => ({ meeting, participants: held?.participants ?? new Map() }));
  }

  async #find(signal: AbortSignal): Promise<MeetingAndRole> {
    const options = { isRead: true, signal, timeoutMs: 24 * 3600 * 1000 };
    return (await this.client.call(this.target, "meeting.get", {}, options)) as unknown as MeetingAndRole;
  }

  async #follow(topics: readonly string[], signal: AbortSignal): Promise<void> {
    this.#isFresh = false;
    const follower = this.client.follow(this.target, topics, { signal });
    this.client.setPresence(this.target, {});
    this.life.update((life) => life + 1);
    for (;;) {
      const items = await follower.batch();
      if (items.length === 0) return;
      this.#isFresh = true;
      for (const item of items) this.#take(item);
      this.transcript.set(this.#log.transcript());
      this.wasHere = true;
      if (this.standing.value === "opening") this.standing.set("here");
    }
  }

  #take(item: Item): void {
    if (item.kind === "event") return this.#takeEvent(item);
    if (item.kind === "snapshot") return this.#takeSnapshot(item);
    if (item.full) this.#sessions.clear();
    for (const [session, who] of item.sessions) {
      if (who === null) this.#sessions.delete(session);
      else this.#sessions.set(session, who.user);
    }
    const present = new Map<string, number>();
    for (const user of this.#sessions.values()) present.set(user, (present.get(user) ?? 0) + 1);
    this.present.set(present);
  }

  #takeSnapshot({ topics }: SnapshotItem): void {
    this.meeting.set(loadMeeting(topics));
    this.#log.load(topics["transcript"] as unknown as TranscriptSnapshot);
    if (topics["messages"] !== undefined) this.conversation.load(topics);
  }

  #takeEvent(event: EventItem): void {
    switch (event.topic) {
      case "transcript":
        return this.#log.take(event);
      case "messages":
        return this.conversation.take(event);
      default:
        return this.meeting.update((held) => held && reduceMeeting(held, event));
    }
  }
}
