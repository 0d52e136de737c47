// Who we are here, and the one connection that everything goes over.
//
// The token lives as long as the tab. A name is remembered for the next time; a token is not.

import { Client, msgpack } from "@collab/client";

import { Store } from "../store";

const TOKEN = "collab.token";
const NAME = "collab.name";

export interface Session {
  readonly client: Client;
  readonly token: string;
  readonly user: string;
}

export type SignedIn =
  | { is: "out"; problem: string | null }
  | { is: "opening" }
  | { is: "in"; session: Session };

export const isDev = document.documentElement.dataset.signIn === "dev";
export const signedIn = new Store<SignedIn>({ is: "out", problem: null });

export function rememberedName(): string {
  return localStorage.getItem(NAME) ?? "";
}

/** Comes back after a reload of the tab. */
export function resumeSession(): void {
  const token = sessionStorage.getItem(TOKEN);
  if (token) void signIn(token);
}

/** Opens the connection; the outcome is in `signedIn`. */
export async function signIn(token: string): Promise<void> {
  signedIn.set({ is: "opening" });
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const client = new Client(`${scheme}://${location.host}/v1`, { token, codec: msgpack });
  try {
    const { userId } = await client.live();
    if (!userId) throw new Error("the server did not say who you are");
    sessionStorage.setItem(TOKEN, token);
    if (isDev) localStorage.setItem(NAME, userId);
    signedIn.set({ is: "in", session: { client, token, user: userId } });
    client.connection.subscribe(() => {
      const { phase, failure } = client.connection.getSnapshot();
      if (phase === "closed" && signedIn.value.is === "in" && signedIn.value.session.client === client) {
        leave(failure?.message ?? null);
      }
    });
  } catch (error) {
    void client.close();
    sessionStorage.removeItem(TOKEN);
    signedIn.set({ is: "out", problem: error instanceof Error ? error.message : String(error) });
  }
}

// What was not sent yet goes with the tab: the browser asks first. Edits of notes travel as calls, too.
addEventListener("beforeunload", (event) => {
  const now = signedIn.value;
  if (now.is === "in" && now.session.client.connection.getSnapshot().unsent > 0) event.preventDefault();
});

export function leave(problem: string | null = null): void {
  const now = signedIn.value;
  sessionStorage.removeItem(TOKEN);
  signedIn.set({ is: "out", problem });
  if (now.is === "in") void now.session.client.close();
}
