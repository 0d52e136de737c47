/** Where hooks find their client, and how they watch what changes. */

import type { Collab, Observable } from '@collab/client'
import { createContext, createElement, type ReactElement, type ReactNode, useContext, useMemo, useSyncExternalStore } from 'react'

const CollabContext = createContext<Collab | null>(null)

/** Gives a client to every hook below it. The client is opened and closed outside of React. */
export function CollabProvider ({ collab, children }: { readonly collab: Collab, readonly children?: ReactNode }): ReactElement {
  return createElement(CollabContext.Provider, { value: collab }, children)
}

/** Returns the client. Throws `Error`: there is no `CollabProvider` above. */
export function useCollab (): Collab {
  const collab = useContext(CollabContext)
  if (collab === null) throw new Error('there is no CollabProvider above')
  return collab
}

/** Returns the newest value of anything observable: a connection, a view, live notes. */
export function useObservable<T> (observable: Observable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.getSnapshot, observable.getSnapshot)
}

/** Returns the newest value of the shared view called `name`. It is open for as long as somebody shows it. */
export function useShared<T> (name: string, open: () => Observable<T> & { close: () => void }): T {
  const { shared } = useCollab()
  // What `open` opens follows from the name, so only that is compared.
  const store = useMemo(() => shared.store(name, open), [shared, name])
  return useObservable(store)
}
