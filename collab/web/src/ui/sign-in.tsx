import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { isDev, letsGuestsIn, rememberedName, signIn, signInAsGuest } from "../live/session";

/** While developing a name is enough; elsewhere one brings a token. */
export function SignIn({ problem }: { problem: string | null }): JSX.Element {
  const [word, setWord] = useState(isDev ? rememberedName() : "");
  const token = isDev ? `dev:${word.trim()}` : word.trim();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (word.trim()) void signIn(token);
  };
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
          ? <input id="who" value={word} required autofocus autocomplete="off" spellcheck={false} maxLength={64} onInput={(event) => setWord(event.currentTarget.value)} />
          : <input id="who" type="password" value={word} required autofocus maxLength={8192} onInput={(event) => setWord(event.currentTarget.value)} />}
        {problem && <p class="problem" role="alert">{problem}</p>}
        <button class="button-main" type="submit" disabled={!word.trim()}>{isDev ? "Come in" : "Sign in"}</button>
        {letsGuestsIn && <button type="button" onClick={() => void signInAsGuest()}>Come in as a guest</button>}
      </form>
    </main>
  );
}
