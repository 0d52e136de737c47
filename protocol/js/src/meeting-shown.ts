/** A meeting's state and people as one value that events move on. No I/O. */

import type { Meeting, Participant, ParticipantsSnapshot } from './generated/wire.js'
import type { EventItem, SnapshotItem } from './items.js'

/** What a meeting is, and who is invited or has joined, by user id. */
export interface MeetingShown {
  readonly meeting: Meeting
  readonly participants: ReadonlyMap<string, Participant>
}

/** Returns the state of a snapshot of the topics `state` and `participants`. */
export function loadMeeting (topics: SnapshotItem['topics']): MeetingShown {
  const { participants, owner_id } = topics['participants'] as ParticipantsSnapshot
  return {
    meeting: { ...(topics['state'] as Meeting), owner_id },
    participants: new Map(participants.map(one => [one.user_id, one]))
  }
}

/** Returns the state after `event`; what does not concern it changes nothing. */
export function reduceMeeting (shown: MeetingShown, event: EventItem): MeetingShown {
  const fields = event.data
  switch (event.type) {
    case 'meeting.scheduled': {
      const { participants, ...described } = fields as Partial<Meeting> & { participants?: ReadonlyArray<Pick<Participant, 'user_id' | 'role'>> }
      const owner = String(fields['owner_id'])
      const people = [{ user_id: owner, role: 'host', standing: 'joined', since_ms: event.at_ms } as const,
        ...(participants ?? []).map(seat => ({ ...seat, standing: 'invited', since_ms: event.at_ms } as const))]
      return {
        meeting: { ...shown.meeting, ...described, status: 'scheduled', created_at_ms: event.at_ms },
        participants: new Map(people.map(one => [one.user_id, one]))
      }
    }
    case 'meeting.updated':
    case 'meeting.rescheduled':
      return { ...shown, meeting: { ...shown.meeting, ...(fields as Partial<Meeting>) } }
    case 'meeting.started':
      return { ...shown, meeting: { ...shown.meeting, status: 'live', started_at_ms: event.at_ms } }
    case 'meeting.ended':
      return { ...shown, meeting: { ...shown.meeting, status: 'ended', ended_at_ms: event.at_ms } }
    case 'meeting.cancelled':
      return { ...shown, meeting: { ...shown.meeting, status: 'cancelled' } }
    case 'participant.invited':
      return withPerson(shown, event, { role: roleIn(event), standing: 'invited' })
    case 'participant.joined':
      return withPerson(shown, event, { role: roleIn(event), standing: 'joined' })
    case 'participant.role_changed':
      return withRole(shown, String(fields['user_id']), roleIn(event))
    case 'participant.left':
    case 'participant.removed': {
      const participants = new Map(shown.participants)
      participants.delete(String(fields['user_id']))
      return { ...shown, participants }
    }
    case 'meeting.transferred': {
      const moved = withRole(withRole(shown, String(fields['from_id']), 'speaker'), String(fields['to_id']), 'host')
      return { ...moved, meeting: { ...moved.meeting, owner_id: String(fields['to_id']) } }
    }
    default:
      return shown
  }
}

function roleIn (event: EventItem): Participant['role'] {
  return event.data['role'] as Participant['role']
}

function withPerson (shown: MeetingShown, event: EventItem, now: Pick<Participant, 'role' | 'standing'>): MeetingShown {
  const userId = String(event.data['user_id'])
  const participants = new Map(shown.participants)
  participants.set(userId, { user_id: userId, since_ms: event.at_ms, ...now })
  return { ...shown, participants }
}

function withRole (shown: MeetingShown, userId: string, role: Participant['role']): MeetingShown {
  const person = shown.participants.get(userId)
  if (person === undefined) return shown
  return { ...shown, participants: new Map(shown.participants).set(userId, { ...person, role }) }
}
