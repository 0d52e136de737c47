// The server from above, asked for again and again; rates are differences of what it counts.

import { Store } from "../store";
import { reasonOf } from "../words";

export interface FigureShown {
  name: string;
  value: number;
  kind: "counter" | "gauge";
  labels: Record<string, string>;
}

export interface ConnectionShown {
  session_id: string;
  user_id: string | null;
  peer: string;
  state: string;
  backlog_bytes: number;
  open_calls: number;
  subscriptions: number;
  lagging: number;
}

export interface Overview {
  now_ms: number;
  figures: FigureShown[];
  latency_ms: Record<string, number | null>;
  connections: { count: number; slowest: ConnectionShown[] };
  watched: { target: string; followers: number; people: number }[];
  recent: { at_ms: number; level: string; logger: string; text: string }[];
}

export interface Seen {
  newest: Overview | null;
  before: Overview | null;
  problem: string;
}

const EVERY_MS = 2000;
const REFUSALS = [401, 403];

export class OverviewWatch {
  readonly seen = new Store<Seen>({ newest: null, before: null, problem: "" });
  readonly #bearer: { readonly token: string };
  readonly #leaving = new AbortController();

  /** `bearer` is asked for its newest token whenever we look. */
  constructor(bearer: { readonly token: string }) {
    this.#bearer = bearer;
    void this.#run();
  }

  close(): void {
    this.#leaving.abort();
  }

  async #run(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      if (document.visibilityState === "visible") await this.#look();
      await new Promise((done) => setTimeout(done, EVERY_MS));
    }
  }

  async #look(): Promise<void> {
    try {
      const headers = { authorization: `Bearer ${this.#bearer.token}` };
      const answer = await fetch("/v1/overview", { headers });
      if (REFUSALS.includes(answer.status)) this.close(); // Asking again would not help.
      const body: unknown = await answer.json();
      if (!answer.ok) throw new Error((body as { message?: string }).message ?? `answer ${answer.status}`);
      this.seen.update(({ newest }) => ({ newest: body as Overview, before: newest, problem: "" }));
    } catch (error) {
      this.seen.update((held) => ({ ...held, problem: reasonOf(error) }));
    }
  }
}

/** Sums what is counted under a name, whatever its labels. */
export function figure(overview: Overview | null, name: string): number | null {
  const found = overview?.figures.filter((one) => one.name === name) ?? [];
  return found.length === 0 ? null : found.reduce((sum, one) => sum + one.value, 0);
}

/** How much a counter grew per second between the two newest looks. */
export function rate({ newest, before }: Seen, name: string): number | null {
  const [now, then] = [figure(newest, name), figure(before, name)];
  if (now === null || then === null || !newest || !before || newest.now_ms <= before.now_ms) return null;
  return Math.max(0, now - then) / ((newest.now_ms - before.now_ms) / 1000);
}
