// Small things that many views show.

import type { Client } from "@collab/client";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Readable, useStore } from "../store";
import { count, hueOf, initials, reasonOf } from "../words";

export function Mark({ user }: { user: string }): JSX.Element {
  return <span class={`person-mark ${hueOf(user)}`} aria-hidden="true">{initials(user)}</span>;
}

/** How the connection is, in words, always. `unsaved`: 1 while some edit of the notes is not on the server. */
export function ConnectionPill({ client, unsaved }: { client: Client; unsaved: Readable<number> }): JSX.Element {
  const connection = useStore(client.connection);
  const edits = useStore(unsaved);
  const waiting = Math.max(connection.unsent, edits); // Edits travel as one call, which is counted too.
  const [look, words] = describe(connection.shows, waiting);
  const detail = connection.latencyMs === null ? "" : `Round trip ${Math.round(connection.latencyMs)} ms`;
  return (
    <span class={`pill ${look}`} role="status" title={connection.trouble ?? detail} data-connection={connection.shows}>
      {words}
    </span>
  );
}

function describe(shows: string, waiting: number): [string, string] {
  const unsent = waiting > 0 ? `, ${count(waiting, "change")} unsent` : "";
  if (shows === "live") return waiting > 3 ? ["pill-warn", `Live${unsent}`] : ["pill-good", "Live"];
  if (shows === "catching up") return ["pill-warn", `Catching up${unsent}`];
  if (shows === "connecting") return ["pill-warn", `Connecting${unsent}`];
  return ["pill-bad", `Offline${unsent}`];
}

/** A window over the page. Closes by Escape, by its button, and when it is done. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current!.showModal(), []);
  return (
    <dialog ref={box} aria-label={props.title} onClose={props.onClose}>
      <h2>{props.title}</h2>
      {props.children}
    </dialog>
  );
}

/** What is asked before something that cannot be undone. */
export interface Question {
  question: string;
  words: string;
  /** The button that does it. */
  yes: string;
}

/** Asks; `onClose` either way, after `onYes`. */
export function Ask({ asks, onYes, onClose }: { asks: Question; onYes: () => void; onClose: () => void }): JSX.Element {
  const sure = (): void => {
    onYes();
    onClose();
  };
  return (
    <Dialog title={asks.question} onClose={onClose}>
      <p>{asks.words}</p>
      <div class="dialog-foot">
        <button type="button" autofocus onClick={onClose}>No</button>
        <button type="button" class="button-main" onClick={sure}>{asks.yes}</button>
      </div>
    </Dialog>
  );
}

/** A button for something that the server may refuse: says so beside itself. */
export function Deed(props: {
  act: () => Promise<unknown>; children: ComponentChildren; class?: string; label?: string; onDone?: () => void; asks?: Question;
}): JSX.Element {
  const [state, setState] = useState<"idle" | "asking" | "busy">("idle");
  const [problem, setProblem] = useState("");
  const run = async (): Promise<void> => {
    setState("busy");
    setProblem("");
    try {
      await props.act();
      props.onDone?.();
    } catch (error) {
      setProblem(reasonOf(error));
    } finally {
      setState("idle");
    }
  };
  return (
    <>
      <button type="button" class={props.class} aria-label={props.label} title={props.label} disabled={state === "busy"} onClick={() => (props.asks ? setState("asking") : void run())}>
        {props.children}
      </button>
      {state === "asking" && props.asks && (
        <Ask asks={props.asks} onYes={() => void run()} onClose={() => setState((now) => (now === "asking" ? "idle" : now))} />
      )}
      {problem && <span class="problem small" role="alert">{problem}</span>}
    </>
  );
}

/** What a view is headed with. It takes the focus if nothing has it: what had it is gone, and readers begin here. */
export function Heading(props: { children: ComponentChildren; class?: string }): JSX.Element {
  const words = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (document.activeElement === document.body) words.current!.focus({ preventScroll: true });
  }, []);
  return <h1 ref={words} tabIndex={-1} dir="auto" class={props.class}>{props.children}</h1>;
}
