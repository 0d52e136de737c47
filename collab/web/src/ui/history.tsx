import type { Client, NotesMoment, NotesMoments, NotesThen } from "@collab/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Session } from "../live/session";
import { count, exactTime, nameOf, reasonOf } from "../words";
import { Deed, Mark } from "./bits";
import { ROOT } from "../notes/root";

const MOMENTS_PER_PAGE = 50;
const LOOK_AFTER_MS = 120; // While the slider moves, not every moment is fetched.

interface Shown {
  moments: readonly NotesMoment[];
  /** There are earlier ones. */
  more: boolean;
  /** Which one is looked at. */
  at: number;
}

/** What the notes were like: one moment after the other, and back to one of them. */
export function HistoryPane(props: { session: Session; target: string; mayRestore: boolean; onClose: () => void }): JSX.Element {
  const { client } = props.session;
  const [shown, setShown] = useState<Shown | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    pageOf(client, props.target, null).then(
      ({ moments, more }) => setShown({ moments, more, at: Math.max(0, moments.length - 1) }),
      (error: unknown) => setProblem(reasonOf(error)),
    );
  }, [client, props.target]);
  const moment = shown?.moments[shown.at];
  const then = useThen(client, props.target, moment?.last_seq, setProblem);
  const showEarlier = async (): Promise<void> => {
    const before = shown!.moments[0]!.first_seq;
    const { moments, more } = await pageOf(client, props.target, before);
    setShown((held) => held && { moments: [...moments, ...held.moments], more, at: Math.max(0, moments.length - 1) });
  };
  return (
    <div class="history">
      {problem && <p class="problem" role="alert">{problem}</p>}
      {shown?.moments.length === 0 && <p class="quiet">Nobody has written anything yet.</p>}
      {moment && shown && (
        <>
          <label for="moment" class="row">
            <Mark user={moment.by} />
            <span dir="auto">{nameOf(moment.by)}, {exactTime(moment.until_ms)} <span class="quiet">({count(moment.edits, "edit")})</span></span>
          </label>
          <input
            id="moment" type="range" min={0} max={shown.moments.length - 1} value={shown.at}
            aria-valuetext={`${nameOf(moment.by)}, ${exactTime(moment.until_ms)}`}
            onInput={(event) => setShown({ ...shown, at: Number(event.currentTarget.value) })}
          />
          <p class="row small quiet">
            {shown.more
              ? <Deed class="button-plain" act={showEarlier}>Show earlier ones</Deed>
              : <span>From the beginning</span>}
          </p>
          <pre class="then" dir="auto" tabIndex={0} aria-label="The notes as they were">{then?.text[ROOT] ?? ""}</pre>
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

async function pageOf(client: Client, target: string, before: number | null): Promise<NotesMoments> {
  const args = { limit: MOMENTS_PER_PAGE, ...(before === null ? {} : { before }) };
  return (await client.call(target, "notes.moments", args, { isRead: true })) as unknown as NotesMoments;
}

/** The notes as they were after an event; the ones before stay until these have come. */
function useThen(client: Client, target: string, seq: number | undefined, onProblem: (words: string) => void): NotesThen | null {
  const [then, setThen] = useState<NotesThen | null>(null);
  useEffect(() => {
    if (seq === undefined) return undefined;
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      client.call(target, "notes.at", { seq }, { isRead: true, signal: leaving.signal }).then(
        (answer) => {
          onProblem("");
          setThen(answer as unknown as NotesThen);
        },
        (error: unknown) => leaving.signal.aborted || onProblem(reasonOf(error)),
      );
    }, LOOK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [client, target, seq]);
  return then;
}
