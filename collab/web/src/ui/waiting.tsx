import type { Client } from "@collab/client";
import type { JSX } from "preact";
import { leave } from "../live/session";
import { Store, useStore } from "../store";
import { ConnectionPill } from "./bits";

const NOTHING_UNSAVED = new Store(0); // Edits of notes that nobody looks at are calls, and counted as such.

/** Something is on its way. With a client: how its connection is, and the way back. */
export function Waiting({ words, client }: { words: string; client?: Client }): JSX.Element {
  return (
    <main class="alone">
      <p class="quiet" role="status">{words}</p>
      {client && (
        <>
          <p><ConnectionPill client={client} unsaved={NOTHING_UNSAVED} /></p>
          <p><a href="/">To my meetings and chats</a></p>
        </>
      )}
    </main>
  );
}

/** Somebody is signing in: why it takes so long, and how not to. */
export function Connecting({ client }: { client: Client | null }): JSX.Element {
  return (
    <main class="alone">
      <p class="quiet" role="status">Connecting …</p>
      {client && <Trouble client={client} />}
      <p><button type="button" onClick={() => leave()}>Cancel</button></p>
    </main>
  );
}

function Trouble({ client }: { client: Client }): JSX.Element | null {
  const { trouble } = useStore(client.connection);
  if (trouble === null) return null;
  return <p class="problem" role="alert" title={trouble}>The server cannot be reached. It is tried again and again.</p>;
}
