/**
 * What the client throws, and rejects with.
 *
 *     ClientError
 *     ├── CallFailed          the server answered with an error: `code` is stable
 *     ├── CallAbandoned       no answer: deadline, lost connection or close; it may have happened
 *     ├── ConnectFailed       the server refused this client for good
 *     ├── SubscriptionEnded   you may not, or may no longer, follow this
 *     ├── ClientClosed        your mistake: the client was closed
 *     ├── NotFollowing        your mistake: presence is shown only where you follow
 *     └── LimitExceeded       a named bound of this client would be passed; nothing was sent
 *
 * What nobody can send is a `TypeError` or a `RangeError`. What was aborted rejects with the reason
 * of its `AbortSignal`, as `fetch` does.
 */

/** Base of all errors of this library. */
export class ClientError extends Error {
  override name = 'ClientError'
  /** Stable; switch on it. */
  readonly code: string

  constructor (code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** The server refused or failed the call; `message` is for people. */
export class CallFailed extends ClientError {
  override name = 'CallFailed'
  readonly retryable: boolean
  readonly retryAfterMs: number | null
  /** What the server's log calls a fault of its own. */
  readonly errorId: string | null

  constructor (
    code: string,
    message: string,
    more: { retryable?: boolean | undefined, retryAfterMs?: number | null | undefined, errorId?: string | null | undefined } = {}
  ) {
    super(code, message)
    this.retryable = more.retryable ?? false
    this.retryAfterMs = more.retryAfterMs ?? null
    this.errorId = more.errorId ?? null
  }
}

/** No answer before the deadline, the end of the connection or of the client. It may have happened. */
export class CallAbandoned extends ClientError {
  override name = 'CallAbandoned'
  constructor (message: string) {
    super('abandoned', message)
  }
}

/** The server refused the session for good (bad token, wrong protocol): there will be none. */
export class ConnectFailed extends ClientError {
  override name = 'ConnectFailed'
}

/** The server ended or refused the subscription for good. */
export class SubscriptionEnded extends ClientError {
  override name = 'SubscriptionEnded'
}

/** The client was closed before or during this operation; a call was never sent. */
export class ClientClosed extends ClientError {
  override name = 'ClientClosed'
  constructor () {
    super('closed', 'the client was closed')
  }
}

/** Presence was set on a target whose presence nobody here follows. */
export class NotFollowing extends ClientError {
  override name = 'NotFollowing'
  constructor (target: string) {
    super('not_following', `presence of ${target} is not followed here`)
  }
}

/** `limit`, a name of `limits.ts`, would be passed. Nothing was queued or sent. */
export class LimitExceeded extends ClientError {
  override name = 'LimitExceeded'
  readonly limit: string

  constructor (limit: string, message: string) {
    super('limit_exceeded', `${limit}: ${message}`)
    this.limit = limit
  }
}

/** The server said something that the wire does not know. The link ends; the client goes on. */
export class Unreadable extends Error {
  override name = 'Unreadable'
}
