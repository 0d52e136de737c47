import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Session } from "../live/session";
import { useStore } from "../store";
import { Deed } from "./bits";

const SAID = {
  soon: "Your token ends within a minute. Give a new one, and nothing is interrupted.",
  ended: "Your token has ended. What you write stays here, and is sent as soon as you give a new one.",
} as const;

/** Asks for another token over whatever one is doing, which goes on meanwhile. */
export function TokenAsked({ session }: { session: Session }): JSX.Element | null {
  const asking = useStore(session.pass.asking);
  const [token, setToken] = useState("");
  if (asking === "no") return null;
  return (
    <section class="above" aria-label="Sign in again">
      <div class="problem unkept" role="alert">
        <label for="new-token">{SAID[asking]}</label>
        <p class="row">
          <input
            id="new-token" class="grow" type="password" value={token} maxLength={8192} placeholder="New token" autocomplete="off"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          <Deed act={() => session.pass.give(token.trim())} onDone={() => setToken("")}>Go on</Deed>
        </p>
      </div>
    </section>
  );
}
