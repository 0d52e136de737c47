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

/** A button for something that the server may refuse: says so beside itself. */
export function Deed(props: {
  act: () => Promise<unknown>; children: ComponentChildren; class?: string; label?: string; onDone?: () => void;
}): JSX.Element {
  const [state, setState] = useState<"idle" | "busy">("idle");
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
      <button type="button" class={props.class} aria-label={props.label} title={props.label} disabled={state === "busy"} onClick={() => void run()}>
        {props.children}
      </button>
      {problem && <span class="problem small" role="alert">{problem}</span>}
    </>
  );
}
