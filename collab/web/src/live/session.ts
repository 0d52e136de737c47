// Who we are here, and the one connection that everything goes over.
//
//   out --signIn--> opening --welcome--> in --the server refuses us, or sign out--> out
//
// The token lives as long as the tab. A name is remembered for the next time; a token is not.

import { Client, msgpack } from "@collab/client";
import { Store } from "../store";
import { reasonOf } from "../words";
import { address, forgetGuest, guestPass, Pass, rememberedPass } from "./pass";
import { handBackDrafts, unkept } from "./unkept";

const NAME = "collab.name";

export interface Session {
  readonly client: Client;
  readonly pass: Pass;
  readonly user: string;
  /** The newest token. */
  readonly token: string;
}

export type SignedIn =
  /** `tried`: the token that was refused, so that nobody has to type it again. */
  | { is: "out"; problem: string | null; tried: string }
  /** No client yet: a guest's token is being fetched. */
  | { is: "opening"; client: Client | null }
  | { is: "in"; session: Session };

const waysIn = (document.documentElement.dataset["signIn"] ?? "").split(" ");
export const isDev = waysIn.includes("dev");
export const letsGuestsIn = waysIn.includes("guests");
export const signedIn = new Store<SignedIn>({ is: "out", problem: null, tried: "" });

export function rememberedName(): string {
  return localStorage.getItem(NAME) ?? "";
}

/** Comes back after a reload of the tab. */
export function resumeSession(): void {
  const pass = rememberedPass();
  if (pass !== null) void open(pass);
}

/** Comes in without an account: as the guest that one was here before, or as a new one. */
export async function signInAsGuest(): Promise<void> {
  const opening: SignedIn = { is: "opening", client: null };
  signedIn.set(opening);
  try {
    const pass = await guestPass();
    if (signedIn.value === opening) await open(pass);
  } catch (error) {
    if (signedIn.value === opening) signedIn.set({ is: "out", problem: reasonOf(error), tried: "" });
  }
}

/** Opens the connection; the outcome is in `signedIn`. */
export async function signIn(token: string): Promise<void> {
  await open(new Pass(token, false));
}

async function open(pass: Pass): Promise<void> {
  const client = new Client(address(), { token: pass.fetch, codec: msgpack });
  const opening: SignedIn = { is: "opening", client };
  signedIn.set(opening);
  try {
    const { userId } = await client.live();
    if (!userId) throw new Error("the server did not say who you are");
    if (signedIn.value !== opening) return void client.close();
    pass.isOf(userId);
    if (isDev) localStorage.setItem(NAME, userId);
    const session: Session = { client, pass, user: userId, get token() { return pass.token; } };
    signedIn.set({ is: "in", session });
    client.connection.subscribe(() => {
      const { phase, failure } = client.connection.getSnapshot();
      const now = signedIn.value;
      if (phase === "closed" && now.is === "in" && now.session === session) leave(failure ? reasonOf(failure) : null);
    });
  } catch (error) {
    void client.close();
    if (signedIn.value !== opening) return; // Somebody did not want to wait.
    pass.close();
    signedIn.set({ is: "out", problem: reasonOf(error), tried: pass.isGuest ? "" : pass.token });
  }
}

// What was not sent yet goes with the tab: the browser asks first. Edits of notes travel as calls, too.
addEventListener("beforeunload", (event) => {
  const now = signedIn.value;
  const isUnsent = now.is === "in" && now.session.client.connection.getSnapshot().unsent > 0;
  if (isUnsent || unkept.value.length > 0) event.preventDefault();
});

/** Ends the session, or gives up opening one. What was not sent is handed back by whoever holds it. */
export function leave(problem: string | null = null): void {
  const now = signedIn.value;
  signedIn.set({ is: "out", problem, tried: "" });
  if (now.is === "in") {
    handBackDrafts(problem ?? "you have signed out");
    now.session.pass.close();
    if (problem === null && now.session.pass.isGuest) forgetGuest(); // Whoever comes next is somebody else.
    void now.session.client.close();
  } else if (now.is === "opening") {
    void now.client?.close();
  }
}
