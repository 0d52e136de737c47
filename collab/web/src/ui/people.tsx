import type { Participant } from "@collab/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Room } from "../live/room";
import { useStore } from "../store";
import { count, nameOf, reasonOf } from "../words";
import { Deed, Mark } from "./bits";
import { Icon } from "./icons";

const ROLES = ["host", "speaker", "attendee", "transcriber"] as const;

export function PeoplePane({ room, user }: { room: Room; user: string }): JSX.Element {
  const { meeting, participants } = useStore(room.meeting)!;
  const present = useStore(room.present);
  const isHost = participants.get(user)?.role === "host" && meeting.status === "live";
  const rank = (person: Participant): number => (present.has(person.user_id) ? 0 : person.standing === "joined" ? 1 : 2);
  const sorted = [...participants.values()].sort((a, b) => rank(a) - rank(b) || a.user_id.localeCompare(b.user_id));
  return (
    <div class="people">
      <p class="small quiet people-count">{count(present.size, "person", "people")} here, {count(participants.size, "participant")}</p>
      <ul aria-label="Participants">
        {sorted.map((person) => (
          <PersonRow
            key={person.user_id} room={room} person={person} isHere={present.has(person.user_id)} isMe={person.user_id === user}
            isOwner={person.user_id === meeting.owner_id} mayChange={isHost && person.user_id !== meeting.owner_id && person.user_id !== user}
          />
        ))}
      </ul>
    </div>
  );
}

function PersonRow(props: {
  room: Room; person: Participant; isHere: boolean; isMe: boolean; isOwner: boolean; mayChange: boolean;
}): JSX.Element {
  const { room, person } = props;
  const [problem, setProblem] = useState("");
  const setRole = async (role: string): Promise<void> => {
    setProblem("");
    try {
      await room.ask("participants.set_role", { user_id: person.user_id, role });
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };
  const name = nameOf(person.user_id);
  const where = props.isHere ? "here" : person.standing === "joined" ? "away" : person.standing;
  return (
    <li class="person" data-user={person.user_id}>
      <span class={`person-here ${props.isHere ? "is-here" : ""}`}><Mark user={person.user_id} /></span>
      <span class="grow">
        <span class="clip person-name" dir="auto" title={person.user_id}>{name}{props.isMe && <span class="quiet"> (you)</span>}</span>
        <span class="small quiet">{props.isOwner ? "owner" : person.role} · {where}</span>
      </span>
      {props.mayChange && (
        <>
          <select aria-label={`Role of ${name}`} value={person.role} onChange={(event) => void setRole(event.currentTarget.value)}>
            {ROLES.map((role) => <option key={role} value={role}>{role}</option>)}
          </select>
          <Deed
            class="button-plain button-icon button-bad" label={`Remove ${name}`}
            asks={{ question: `Remove ${name}?`, words: "They are out at once, and come back only if they are invited again.", yes: "Remove them" }}
            act={() => room.ask("participants.remove", { user_id: person.user_id })}
          >
            <Icon name="close" />
          </Deed>
        </>
      )}
      {problem && <span class="problem small" role="alert">{problem}</span>}
    </li>
  );
}
