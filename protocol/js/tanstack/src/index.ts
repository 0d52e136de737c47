/** TanStack Query options whose cache is kept up to date by live events. */

export {
  type ChatName, CollabQueries, collabQueries, type CollabQueriesOptions, type LiveMessages, type LiveMutation, type LiveQuery
} from './queries.js'
export type { CachedMessage, MessagePage, MessagePages } from './message-pages.js'
