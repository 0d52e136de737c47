import type { NotesMoment, NotesMoments, NotesThen } from "@collab/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Session } from "../live/session";
import { count, exactTime, reasonOf } from "../words";
import { Deed, Mark } from "./bits";
import { ROOT } from "../notes/root";

const MOMENTS_MAX = 200;
const LOOK_AFTER_MS = 120; // While the slider moves, not every moment is fetched.

/** What the notes were like: one moment after the other, and back to one of them. */
export function HistoryPane(props: { session: Session; target: string; mayRestore: boolean; onClose: () => void }): JSX.Element {
  const { client } = props.session;
  const [moments, setMoments] = useState<readonly NotesMoment[] | null>(null);
  const [at, setAt] = useState(0);
  const [then, setThen] = useState<NotesThen | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    client.call(props.target, "notes.moments", { limit: MOMENTS_MAX }, { isRead: true }).then((answer) => {
      const found = (answer as unknown as NotesMoments).moments;
      setMoments(found);
      setAt(Math.max(0, found.length - 1));
    }, (error: unknown) => setProblem(reasonOf(error)));
  }, [client, props.target]);
  const moment = moments?.[at];
  useEffect(() => {
    if (!moment) return undefined;
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      const options = { isRead: true, signal: leaving.signal };
      client.call(props.target, "notes.at", { seq: moment.last_seq }, options).then(
        (answer) => setThen(answer as unknown as NotesThen),
        (error: unknown) => leaving.signal.aborted || setProblem(reasonOf(error)),
      );
    }, LOOK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [client, props.target, moment]);
  return (
    <div class="history">
      {problem && <p class="problem" role="alert">{problem}</p>}
      {moments?.length === 0 && <p class="quiet">Nobody has written anything yet.</p>}
      {moment && moments && (
        <>
          <label for="moment" class="row">
            <Mark user={moment.by} />
            <span>{moment.by}, {exactTime(moment.until_ms)} <span class="quiet">({count(moment.edits, "edit")})</span></span>
          </label>
          <input
            id="moment" type="range" min={0} max={moments.length - 1} value={at} aria-valuetext={`${moment.by}, ${exactTime(moment.until_ms)}`}
            onInput={(event) => setAt(Number(event.currentTarget.value))}
          />
          <pre class="then" tabIndex={0} aria-label="The notes as they were">{then?.text[ROOT] ?? ""}</pre>
        </>
      )}
      <div class="dialog-foot">
        <button type="button" onClick={props.onClose}>Back to now</button>
        {props.mayRestore && moment && (
          <Deed
            class="button-main" onDone={props.onClose}
            act={() => client.call(props.target, "notes.restore", { seq: moment.last_seq })}
          >
            Restore this
          </Deed>
        )}
      </div>
    </div>
  );
}
