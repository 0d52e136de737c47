/** One's own list of meetings and chats as one value that events move on. No I/O. */

import type { ItemListed, ListedItem, ListSnapshot } from './generated/wire.js'
import type { EventItem, SnapshotItem } from './items.js'

/** The items known here, newest first, archived ones included; `cursor`: where to page on, null: no more. */
export interface ListShown {
  readonly items: readonly ListedItem[]
  readonly cursor: string | null
}

/** Returns the state of a snapshot of the topic `list`. */
export function loadList (topics: SnapshotItem['topics']): ListShown {
  const { items, cursor, pinned } = topics['list'] as ListSnapshot
  return { items: mergedItems(pinned, items), cursor }
}

/** Returns `older` and `newer` as one list; of a target that is in both, the one of `newer`. */
export function mergedItems (older: readonly ListedItem[], newer: readonly ListedItem[]): ListedItem[] {
  const byTarget = new Map([...older, ...newer].map(item => [item.target, item]))
  return [...byTarget.values()].sort(newestFirst)
}

/** Returns the state after `event`; what does not concern it changes nothing. */
export function reduceList (shown: ListShown, event: EventItem): ListShown {
  const fields = event.data
  const target = String(fields['target'])
  switch (event.type) {
    case 'user.listed': {
      const marks = shown.items.find(item => item.target === target)
      return { ...shown, items: mergedItems(shown.items, [listed(fields as unknown as ItemListed, marks)]) }
    }
    case 'user.unlisted':
      return { ...shown, items: shown.items.filter(item => item.target !== target) }
    case 'user.pinned':
      return changed(shown, target, { pinned_ms: fields['pinned_ms'] as number | null })
    case 'user.archived':
      return changed(shown, target, { archived_ms: fields['archived_ms'] as number | null })
    case 'user.counted':
    case 'user.was_read':
      return changed(shown, target, { unread: fields['unread'] as number })
    case 'user.welcomed':
      return changed(shown, target, { is_request: false })
    default:
      return shown
  }
}

function listed (fields: ItemListed, marks: ListedItem | undefined): ListedItem {
  return {
    target: fields.target,
    kind: fields.kind as ListedItem['kind'],
    title: fields.title,
    status: fields.status,
    role: fields.role,
    planned_start_ms: fields.planned_start_ms,
    at_ms: fields.at_ms,
    standing: fields.standing as ListedItem['standing'],
    invited_by: fields.invited_by,
    is_request: fields.is_request,
    unread: fields.unread,
    pinned_ms: marks?.pinned_ms ?? null,
    archived_ms: marks?.archived_ms ?? null
  }
}

function changed (shown: ListShown, target: string, marks: Partial<ListedItem>): ListShown {
  return { ...shown, items: shown.items.map(item => item.target === target ? { ...item, ...marks } : item) }
}

function newestFirst (a: ListedItem, b: ListedItem): number {
  return b.at_ms - a.at_ms || (a.target < b.target ? 1 : -1)
}
