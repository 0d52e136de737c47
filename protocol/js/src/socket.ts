/** What the client needs of a WebSocket: the browser's, Node's (22 and later), or the one of `ws`. */

import { GOODBYE_TIMEOUT_MS } from './limits.js'

/** The part of the standard's `WebSocket` that is used. */
export interface Socket {
  binaryType: string
  readonly bufferedAmount: number
  readonly protocol: string
  readonly readyState: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send: (payload: string | Uint8Array<ArrayBuffer>) => void
  close: (code?: number, reason?: string) => void
  /** Drops the connection as it is: only that of `ws` can. */
  terminate?: () => void
}

/** Makes one, as `new WebSocket(url, subprotocols)` does. */
export type SocketConstructor = new (url: string, subprotocols: string[]) => Socket

/** What a socket tells, each at most as often as the standard says. */
export interface SocketListener {
  opened: (subprotocol: string) => void
  received: (payload: string | ArrayBuffer) => void
  /** The end, also of a connection that never opened. */
  closed: (code: number, reason: string) => void
}

/** Returns the environment's own `WebSocket`. Throws `TypeError` where there is none. */
export function standardSocket (): SocketConstructor {
  const found = (globalThis as { WebSocket?: SocketConstructor }).WebSocket
  if (found === undefined) {
    throw new TypeError('there is no WebSocket here (Node before 22): give one, such as that of the package ws')
  }
  return found
}

/** Opens a socket to `url`. Throws what the constructor throws (`SyntaxError`: no such address). */
export function openSocket (Constructor: SocketConstructor, url: string, subprotocol: string, listener: SocketListener): Socket {
  const socket = new Constructor(url, [subprotocol])
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => listener.opened(socket.protocol)
  socket.onmessage = (event: { data: string | ArrayBuffer }) => listener.received(event.data)
  socket.onclose = (event: { code: number, reason: string }) => listener.closed(event.code, event.reason)
  socket.onerror = nothing // A close follows, and says as much: nothing.
  return socket
}

/** Stops listening and closes with a goodbye of the transport, which takes at most `GOODBYE_TIMEOUT_MS`. */
export function leaveSocket (socket: Socket): void {
  socket.onopen = socket.onmessage = socket.onclose = null
  socket.onerror = nothing // `ws` complains if it was still opening.
  socket.close(1000)
  if (socket.terminate === undefined) return
  // On a dead line nobody answers the goodbye, and `ws` would keep the process for 30 s.
  const patience = setTimeout(() => socket.terminate?.(), GOODBYE_TIMEOUT_MS)
  socket.onclose = () => clearTimeout(patience)
}

function nothing (): void {
  // See above.
}
