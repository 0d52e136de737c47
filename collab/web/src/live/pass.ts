// The token that the connection shows, and where another one comes from: a guest's page fetches it,
// everybody else is asked for it, while they stay where they are and go on writing.
//
//   fetch("renewal") -> the person is asked, in good time
//   fetch("refused") -> the person is asked, and the connection waits
//   give(token)      -> tried on a connection of its own; what both were waiting for

import { Client, ConnectFailed, msgpack, type TokenWanted } from "@collab/client";
import { Store } from "../store";
import { NOT_TAKEN } from "../words";

const TOKEN = "collab.token";
const IS_GUEST = "collab.is-guest"; // Of this tab: its token is a guest's.
const GUEST = "collab.guest"; // A guest's token, which brings the same guest back.
const TRIAL_MS = 10_000;
const RENEWAL_MS = 120_000; // A token that lives longer needs no other one yet.

/** Why the person at the page is asked for a token: the one in use ends soon, or was refused. */
export type Asking = "no" | "soon" | "ended";

export class Pass {
  readonly asking = new Store<Asking>("no");
  readonly isGuest: boolean;
  #token: string;
  #user: string | null = null;
  #given: Promise<string> | null = null;
  #take: (token: string) => void = () => {};
  #refuse: (reason: Error) => void = () => {};

  constructor(token: string, isGuest: boolean) {
    this.#token = token;
    this.isGuest = isGuest;
  }

  /** The newest token. */
  get token(): string {
    return this.#token;
  }

  /** The server has said whose it is: from now on it is remembered for a reload of the tab. */
  isOf(user: string): void {
    this.#user = user;
    this.#keep(this.#token);
  }

  /** What the client asks. Rejects with `ConnectFailed`: there is no other token. */
  readonly fetch = async (wanted: TokenWanted): Promise<string> => {
    if (wanted === "hello") return this.#token;
    if (this.isGuest) return this.#keep(await this.#fetchGuests());
    if (this.#user === null) throw new ConnectFailed("unauthenticated", NOT_TAKEN);
    if (wanted === "renewal" && endsInMs(this.#token) > RENEWAL_MS) return this.#token; // Given since.
    return await this.#ask(wanted === "renewal" ? "soon" : "ended");
  };

  /** Goes on with another token of the same person. Rejects with why not, and nothing has changed. */
  async give(token: string): Promise<void> {
    const user = await userOf(token);
    if (user !== this.#user) throw new Error(`This token is ${user}'s. To become somebody else, sign out first.`);
    this.#keep(token);
    this.#take(token);
    this.#answered();
  }

  /** Nobody is waited for any more, and the tab remembers no token. */
  close(): void {
    sessionStorage.removeItem(TOKEN);
    sessionStorage.removeItem(IS_GUEST);
    this.#refuse(new ConnectFailed("unauthenticated", "signed out"));
    this.#answered();
  }

  /** Whoever asks while somebody waits already gets the same answer. */
  #ask(why: Asking): Promise<string> {
    this.asking.set(why);
    this.#given ??= new Promise((take, refuse) => {
      this.#take = take;
      this.#refuse = refuse;
    });
    return this.#given;
  }

  #answered(): void {
    this.asking.set("no");
    this.#given = null;
  }

  async #fetchGuests(): Promise<string> {
    const { user, token } = await guestToken();
    if (this.#user === null || this.#user === user) return token;
    throw new ConnectFailed("unauthenticated", "The guest that you were is no more: you were away for too long.");
  }

  #keep(token: string): string {
    this.#token = token;
    if (this.#user !== null) {
      sessionStorage.setItem(TOKEN, token);
      if (this.isGuest) sessionStorage.setItem(IS_GUEST, "yes");
    }
    return token;
  }
}

/** The pass that the tab remembers; null: none. */
export function rememberedPass(): Pass | null {
  const token = sessionStorage.getItem(TOKEN);
  return token === null ? null : new Pass(token, sessionStorage.getItem(IS_GUEST) !== null);
}

/** The next guest in this browser is a new one. */
export function forgetGuest(): void {
  localStorage.removeItem(GUEST);
}

/** Returns a pass of the guest that is remembered, or of a new one. */
export async function guestPass(): Promise<Pass> {
  return new Pass((await guestToken()).token, true);
}

export function address(): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1`;
}

async function guestToken(): Promise<{ user: string; token: string }> {
  const held = localStorage.getItem(GUEST);
  const ask = (headers: Record<string, string>): Promise<Response> => fetch("/v1/guests", { method: "POST", headers });
  let answer = await ask(held === null ? {} : { authorization: `Bearer ${held}` });
  // Too long ago, or signed in since: somebody new.
  if (held !== null && (answer.status === 401 || answer.status === 409)) answer = await ask({});
  const { user, token, message } = (await answer.json()) as { user?: string; token?: string; message?: string };
  if (!answer.ok || user === undefined || token === undefined) throw new Error(message ?? `answer ${answer.status}`);
  localStorage.setItem(GUEST, token);
  return { user, token };
}

/** Asks the server whose a token is. */
async function userOf(token: string): Promise<string | null> {
  const trial = new Client(address(), { token, codec: msgpack });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("The server does not answer now. Try again when the network is back.")), TRIAL_MS);
  });
  try {
    return (await Promise.race([trial.live(), late])).userId;
  } catch (error) {
    throw error instanceof ConnectFailed && error.code === "unauthenticated" ? new Error(NOT_TAKEN) : error;
  } finally {
    clearTimeout(timer);
    void trial.close();
  }
}

/** How long a token says that it lives; 0 for one that does not say it in a way that we can read. */
function endsInMs(token: string): number {
  try {
    const middle = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const { exp } = JSON.parse(atob(middle)) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1000 - Date.now() : 0;
  } catch {
    return 0; // Whatever it is, it is no JSON Web Token.
  }
}
