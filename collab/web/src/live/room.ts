// One meeting, live: everything its page shows, each part a value of its own.
//
//   opening --meeting.get--> here | invited | nowhere | shut out
//   here    --the server ends the subscription--> opening

import { type Client, type EventItem, type Item, type SnapshotItem, SubscriptionEnded } from "@collab/client";
import type {
  Meeting, MeetingAndRole, MessagesSnapshot, ParticipantsSnapshot, TranscriptPage, TranscriptSnapshot,
} from "@collab/client/wire";
import { Store } from "../store";
import { codeOf, reasonOf } from "../words";
import { Conversation } from "./conversation";
import { loadPeople, NOBODY, type People, reducePeople } from "./people";
import { NOTHING_SAID, type Transcript, TranscriptLog } from "./transcript";

export type Standing = "opening" | "here" | "invited" | "nowhere" | "out";
const TOPICS = ["state", "participants", "transcript", "messages", "presence"] as const;
const ENDS_MAX = 3; // Subscriptions in a row that end before anything came.
const STATUSES: Readonly<Record<string, Meeting["status"]>> = {
  "meeting.scheduled": "scheduled",
  "meeting.started": "live",
  "meeting.ended": "ended",
  "meeting.cancelled": "cancelled",
};

export class Room {
  readonly client: Client;
  readonly target: string;
  readonly standing = new Store<Standing>("opening");
  readonly problem = new Store<string>("");
  readonly meeting = new Store<Meeting | null>(null);
  readonly people = new Store<People>(NOBODY);
  readonly transcript = new Store<Transcript>(NOTHING_SAID);
  /** How many connections each person is here with. */
  readonly present = new Store<ReadonlyMap<string, number>>(new Map());
  /** Grows whenever the meeting is followed anew, with other rights: the notes are opened anew then. */
  readonly life = new Store(0);
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
    try {
      const page = (await this.client.call(this.target, "transcript.page", { before }, { isRead: true })) as unknown as TranscriptPage;
      const lines = page.buckets.flatMap((bucket) => bucket.lines);
      this.#log.prepend(lines, page.has_more && page.buckets[0] ? page.buckets[0].position : null);
      this.transcript.set(this.#log.transcript());
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
        this.meeting.set(found);
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
      this.problem.set(reasonOf(error));
      this.standing.set(codeOf(error) === "permission_denied" ? "out" : "nowhere");
    }
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

  #takeSnapshot(item: SnapshotItem): void {
    const topics = item.topics as unknown as {
      state: Meeting; participants: ParticipantsSnapshot; transcript: TranscriptSnapshot; messages?: MessagesSnapshot;
    };
    this.meeting.set(topics.state);
    this.people.set(loadPeople(topics.participants));
    this.#log.load(topics.transcript);
    if (topics.messages !== undefined) this.conversation.load(topics.messages);
  }

  #takeEvent(event: EventItem): void {
    switch (event.topic) {
      case "transcript":
        return this.#log.take(event);
      case "messages":
        return this.conversation.take(event);
      case "participants":
        return this.people.update((held) => reducePeople(held, event));
      case "state":
        return this.meeting.update((held) => held && withEvent(held, event));
    }
  }
}

function withEvent(meeting: Meeting, event: EventItem): Meeting {
  const status = STATUSES[event.type] ?? meeting.status;
  const changed = { ...meeting, ...event.data, status } as Meeting;
  if (event.type === "meeting.started") changed.started_at_ms = event.at_ms;
  if (event.type === "meeting.ended") changed.ended_at_ms = event.at_ms;
  return changed;
}
