import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Room } from "../live/room";
import type { Session } from "../live/session";
import type { OpenNotes } from "../notes/open";
import { type Store, useStore } from "../store";
import { HistoryPane } from "./history";
import { Icon } from "./icons";

interface Props {
  session: Session;
  room: Room;
  unsaved: Store<number>;
  mayEdit: boolean;
}

/** The shared text. The editor is a part of its own, fetched when it is first needed. */
export function NotesPane({ session, room, unsaved, mayEdit }: Props): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const [notes, setNotes] = useState<OpenNotes | null>(null);
  const [problem, setProblem] = useState("");
  const [isPast, setPast] = useState(false);
  const life = useStore(room.life);
  useEffect(() => {
    let opened: OpenNotes | null = null;
    let isLeft = false;
    import("../notes/open").then(({ openNotes }) => {
      if (isLeft) return;
      opened = openNotes({ client: session.client, target: room.target, user: session.user, parent: place.current!, unsaved });
      setNotes(opened);
    }, () => setProblem("The editor cannot be fetched: the server has a newer page, or there is no network. Load the page again."));
    return () => {
      isLeft = true;
      opened?.close();
      setNotes(null);
      unsaved.set(0);
    };
  }, [session, room.target, unsaved, life]);
  useEffect(() => notes?.setEditable(mayEdit), [notes, mayEdit]);
  return (
    <>
      <header class="pane-head">
        <h2>Notes</h2>
        {!mayEdit && <span class="small quiet">read only</span>}
        <span class="grow" />
        <button type="button" class="button-plain" aria-pressed={isPast} onClick={() => setPast(!isPast)}>
          <Icon name="history" />History
        </button>
      </header>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {isPast && <HistoryPane session={session} target={room.target} mayRestore={mayEdit} onClose={() => setPast(false)} />}
      <div class="notes-place" ref={place} hidden={isPast}>
        {notes === null && <p class="quiet pane-empty">Fetching the editor …</p>}
      </div>
    </>
  );
}
