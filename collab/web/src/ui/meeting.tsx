import type { Client } from "@collab/client";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Room } from "../live/room";
import { serverNow } from "../live/server-clock";
import type { Session } from "../live/session";
import { Store, useStore } from "../store";
import { duration, nameOf } from "../words";
import { ConnectionPill, Deed, Heading, Mark } from "./bits";
import { Icon } from "./icons";
import { InviteButton } from "./invite";
import { MessagesPane } from "./messages";
import { NotesPane } from "./notes";
import { PeoplePane } from "./people";
import { useReading } from "./reading";
import { SpeakButtons } from "./speak";
import { ThemeButton } from "./theme";
import { TranscriptPane } from "./transcript";
import { Waiting } from "./waiting";

const PANES = ["notes", "transcript", "messages", "people"] as const;
type Pane = (typeof PANES)[number];
const INVITED_AS = ["speaker", "attendee", "host", "transcriber"] as const;
const PANE_NAMES: Readonly<Record<Pane, string>> = {
  notes: "Notes", transcript: "Transcript", messages: "Messages", people: "People",
};

const REMOVED = "The room is closed for you: you were removed. A host can invite you again.";
const NOT_IN = "Somebody who is in it has to invite you first. Or perhaps the link is not whole.";

export function MeetingPage({ session, target }: { session: Session; target: string }): JSX.Element {
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    const made = new Room(session.client, target);
    setRoom(made);
    return () => made.close();
  }, [session, target]);
  return room === null ? <Waiting words="Opening the meeting …" client={session.client} /> : <Door session={session} room={room} />;
}

function Door({ session, room }: { session: Session; room: Room }): JSX.Element {
  const standing = useStore(room.standing);
  const meeting = useStore(room.meeting);
  const problem = useStore(room.problem);
  switch (standing) {
    case "opening":
      return <Waiting words="Opening the meeting …" client={session.client} />;
    case "here":
      return <RoomView session={session} room={room} />;
    case "invited":
      return (
        <main class="alone">
          <Heading>{meeting?.meeting.title}</Heading>
          <p class="quiet">You are invited to this meeting.</p>
          <p><Deed class="button-main" act={() => room.join()}>Join</Deed></p>
          <p><a href="/">To my meetings and chats</a></p>
        </main>
      );
    case "out":
      return <Closed title="You are not in this meeting" words={room.wasHere ? REMOVED : NOT_IN} />;
    case "nowhere":
      return <Closed title="There is no such meeting" words={problem || "Perhaps the link is not whole."} />;
  }
}

function Closed({ title, words }: { title: string; words: string }): JSX.Element {
  return (
    <main class="alone">
      <Heading>{title}</Heading>
      <p class="quiet" role="alert">{words}</p>
      <p><a href="/">To my meetings and chats</a></p>
    </main>
  );
}

function RoomView({ session, room }: { session: Session; room: Room }): JSX.Element {
  const { meeting, participants } = useStore(room.meeting)!;
  const [pane, setPane] = useState<Pane>("notes");
  const [unsaved] = useState(() => new Store(0));
  const role = participants.get(session.user)?.role ?? "attendee";
  const isLive = meeting.status === "live";
  const isOpen = isLive || meeting.status === "scheduled";
  useEffect(() => {
    document.title = `${meeting.title} · collab`;
  }, [meeting.title]);
  useReading(session, room.target, room.conversation);
  return (
    <div class="room" data-pane={pane} data-standing="here">
      <header class="bar room-bar">
        <a class="button-plain button-icon back" href="/" aria-label="To my meetings and chats"><Icon name="back" /></a>
        <div class="grow room-title">
          <Heading class="clip">{meeting.title}</Heading>
          <Clock client={session.client} status={meeting.status} startedMs={meeting.started_at_ms} endedMs={meeting.ended_at_ms} />
        </div>
        <Faces room={room} onOpen={() => setPane("people")} />
        <ConnectionPill client={session.client} unsaved={unsaved} />
        {isLive && role !== "attendee" && <SpeakButtons session={session} room={room} />}
        <InviteButton
          kind="meeting" roles={INVITED_AS}
          invite={role === "host" ? (userId, as) => room.ask("participants.invite", { user_id: userId, role: as }) : null}
        />
        <ThemeButton />
        {role === "host" && isLive && <EndButton room={room} />}
        {role === "host" && meeting.status === "scheduled" && (
          <Deed class="button-main" act={() => room.ask("meeting.start")}>Start</Deed>
        )}
      </header>
      <PaneTabs panes={PANES} pane={pane} onChoose={setPane} />
      <main class="panes">
        <section class="pane pane-notes" aria-label="Notes">
          <NotesPane session={session} room={room} unsaved={unsaved} mayEdit={isOpen && role !== "transcriber"} />
        </section>
        <section class="pane pane-transcript" aria-label="Transcript"><TranscriptPane room={room} /></section>
        <section class="pane pane-side" aria-label="Messages and people">
          <PaneTabs panes={["messages", "people"]} pane={pane === "people" ? "people" : "messages"} onChoose={setPane} isSide />
          <div class="side-messages">
            <MessagesPane
              client={session.client} user={session.user} conversation={room.conversation}
              mayPost={isOpen && role !== "transcriber"} mayRemove={role === "host"}
            />
          </div>
          <div class="side-people"><PeoplePane room={room} user={session.user} /></div>
        </section>
      </main>
    </div>
  );
}

function PaneTabs(props: { panes: readonly Pane[]; pane: Pane; onChoose: (pane: Pane) => void; isSide?: boolean }): JSX.Element {
  return (
    <nav class={props.isSide ? "tabs side-tabs" : "tabs room-tabs"} aria-label={props.isSide ? "Beside" : "Parts of the meeting"}>
      {props.panes.map((pane) => (
        <button key={pane} type="button" class="tab" aria-current={pane === props.pane ? "true" : undefined} onClick={() => props.onChoose(pane)}>
          {PANE_NAMES[pane]}
        </button>
      ))}
    </nav>
  );
}

function Clock(props: { client: Client; status: string; startedMs: number | null; endedMs: number | null }): JSX.Element {
  const [now, setNow] = useState(() => serverNow(props.client));
  useEffect(() => {
    if (props.status !== "live") return undefined;
    const timer = setInterval(() => setNow(serverNow(props.client)), 1000);
    return () => clearInterval(timer);
  }, [props.status]);
  if (props.status !== "live" || props.startedMs === null) {
    const words = { scheduled: "Not started", ended: "Ended", cancelled: "Called off" }[props.status] ?? props.status;
    return <p class="small quiet">{words}</p>;
  }
  return <p class="small quiet tabular"><span class="live-dot" aria-hidden="true" />Live · {duration(now - props.startedMs)}</p>;
}

function Faces({ room, onOpen }: { room: Room; onOpen: () => void }): JSX.Element {
  const present = useStore(room.present);
  const users = [...present.keys()].sort();
  const words = `${users.length} here: ${users.map(nameOf).join(", ")}`;
  return (
    <button type="button" class="button-plain faces" title={words} onClick={onOpen}>
      <span class="hidden-words">{words}</span>
      {users.slice(0, 5).map((user) => <Mark key={user} user={user} />)}
      {users.length > 5 && <span class="small quiet">+{users.length - 5}</span>}
    </button>
  );
}

function EndButton({ room }: { room: Room }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  return (
    <>
      <button type="button" class="button-bad end-button" onClick={() => box.current!.showModal()}>End</button>
      <dialog ref={box} aria-label="End the meeting">
        <h2>End the meeting for everybody?</h2>
        <p>Notes, transcript and messages stay readable. Nothing more can be written.</p>
        <div class="dialog-foot">
          <button type="button" onClick={() => box.current!.close()}>Go on</button>
          <Deed class="button-main" act={() => room.ask("meeting.end")} onDone={() => box.current!.close()}>End it</Deed>
        </div>
      </dialog>
    </>
  );
}
