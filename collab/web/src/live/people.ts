// Who takes part, and who is here at the moment.

import type { Participant, ParticipantsSnapshot } from "@collab/client";
import type { EventItem } from "@collab/client";

export interface People {
  readonly ownerId: string | null;
  readonly list: readonly Participant[];
}

export const NOBODY: People = { ownerId: null, list: [] };

export function loadPeople(snapshot: ParticipantsSnapshot): People {
  return { ownerId: snapshot.owner_id, list: snapshot.participants };
}

export function reducePeople(held: People, event: EventItem): People {
  const data = event.data as unknown as { user_id: string; role: Participant["role"]; from_id: string; to_id: string };
  switch (event.type) {
    case "participant.invited":
      return put(held, { user_id: data.user_id, role: data.role, standing: "invited", since_ms: event.at_ms });
    case "participant.joined":
      return put(held, { user_id: data.user_id, role: data.role, standing: "joined", since_ms: event.at_ms });
    case "participant.left":
    case "participant.removed":
      return { ...held, list: held.list.filter((person) => person.user_id !== data.user_id) };
    case "participant.role_changed":
      return withRole(held, data.user_id, data.role);
    case "meeting.transferred":
      return { ...withRole(withRole(held, data.from_id, "speaker"), data.to_id, "host"), ownerId: data.to_id };
    default:
      return held;
  }
}

function put(held: People, person: Participant): People {
  const others = held.list.filter((other) => other.user_id !== person.user_id);
  return { ...held, list: [...others, person] };
}

function withRole(held: People, userId: string, role: Participant["role"]): People {
  return { ...held, list: held.list.map((person) => (person.user_id === userId ? { ...person, role } : person)) };
}
