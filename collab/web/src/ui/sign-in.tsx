import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { isDev, letsGuestsIn, rememberedName, signIn, signInAsGuest } from "../live/session";

const DEV = "dev:";
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@+|=~:-]*$/; // What the server takes as a user id.

/** While developing a name is enough; elsewhere one brings a token. What was refused stays, to be mended. */
export function SignIn({ problem, tried }: { problem: string | null; tried: string }): JSX.Element {
  const [word, setWord] = useState(isDev ? (tried.startsWith(DEV) ? tried.slice(DEV.length) : rememberedName()) : tried);
  const [misspelt, setMisspelt] = useState("");
  const plain = word.trim();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (isDev && !NAME.test(plain)) return setMisspelt("No spaces and no accents, please: a name here is an id.");
    if (plain) void signIn(isDev ? DEV + plain : plain);
  };
  const type = (event: { currentTarget: HTMLInputElement }): void => {
    setWord(event.currentTarget.value);
    setMisspelt("");
  };
  const told = misspelt || problem;
  return (
    <main class="alone">
      <form class="sign-in" onSubmit={submit}>
        <p class="brand"><span class="lamp" aria-hidden="true" />collab</p>
        <h1>{isDev ? "Who are you?" : "Sign in"}</h1>
        <p class="quiet">
          {isDev
            ? "This server is for development: pick any name, and open a second tab to be somebody else."
            : "Paste the token that you were given. It stays in this tab."}
        </p>
        <label for="who">{isDev ? "Your name" : "Token"}</label>
        {isDev
          ? <input id="who" value={word} required autofocus autocomplete="off" spellcheck={false} maxLength={64} aria-describedby="who-hint" onInput={type} />
          : <input id="who" type="password" value={word} required autofocus maxLength={8192} onInput={type} />}
        {isDev && <p id="who-hint" class="quiet small">Letters from a to z, digits, and . _ - @ +</p>}
        {told && <p class="problem" role="alert">{told}</p>}
        <button class="button-main" type="submit" disabled={!plain}>{isDev ? "Come in" : "Sign in"}</button>
        {letsGuestsIn && <button type="button" onClick={() => void signInAsGuest()}>Come in as a guest</button>}
      </form>
    </main>
  );
}
