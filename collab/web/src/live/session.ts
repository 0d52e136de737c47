// Who we are here, and the one connection that everything goes over.
//
// The token lives as long as the tab. A name is remembered for the next time; a token is not.

import { Client, msgpack } from "@collab/client";

import { Store } from "../store";
import { reasonOf } from "../words";

const TOKEN = "collab.token";
const NAME = "collab.name";
const GUEST = "collab.guest"; // A guest's token, which brings the same guest back.

export interface Session {
  readonly client: Client;
  readonly token: string;
  readonly user: string;
}

export type SignedIn =
  | { is: "out"; problem: string | null }
  | { is: "opening" }
  | { is: "in"; session: Session };

const waysIn = (document.documentElement.dataset["signIn"] ?? "").split(" ");
export const isDev = waysIn.includes("dev");
export const letsGuestsIn = waysIn.includes("guests");
export const signedIn = new Store<SignedIn>({ is: "out", problem: null });

export function rememberedName(): string {
  return localStorage.getItem(NAME) ?? "";
}

/** Comes back after a reload of the tab. */
export function resumeSession(): void {
  const token = sessionStorage.getItem(TOKEN);
  if (token) void signIn(token, token === localStorage.getItem(GUEST) ? guestToken : undefined);
}

/** Comes in without an account: as the guest that one was here before, or as a new one. */
export async function signInAsGuest(): Promise<void> {
  signedIn.set({ is: "opening" });
  try {
    await signIn(await guestToken(), guestToken);
  } catch (error) {
    signedIn.set({ is: "out", problem: reasonOf(error) });
  }
}

/** Returns a fresh token, of the guest that is remembered if there is one. */
async function guestToken(): Promise<string> {
  const held = localStorage.getItem(GUEST);
  const ask = (headers: Record<string, string>): Promise<Response> => fetch("/v1/guests", { method: "POST", headers });
  let answer = await ask(held === null ? {} : { authorization: `Bearer ${held}` });
  // Too long ago, or signed in since: somebody new.
  if (held !== null && (answer.status === 401 || answer.status === 409)) answer = await ask({});
  const body = (await answer.json()) as { token?: string; message?: string };
  if (!answer.ok || body.token === undefined) throw new Error(body.message ?? `answer ${answer.status}`);
  localStorage.setItem(GUEST, body.token);
  return body.token;
}

/** Opens the connection; the outcome is in `signedIn`. `renew` is asked for a token before this one ends. */
export async function signIn(token: string, renew?: () => Promise<string>): Promise<void> {
  signedIn.set({ is: "opening" });
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const client = new Client(`${scheme}://${location.host}/v1`, { token: renew ?? token, codec: msgpack });
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
    signedIn.set({ is: "out", problem: reasonOf(error) });
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
