// Real editors under command: one JSON object per line in, one per line out.
//
//   {n, do: "open", id, family, url, name, token, binding, offline}
//                                                              family: yjs | hocuspocus | raw
//   {n, do: "insert", id, at, text}                            through the editor's own binding
//   {n, do: "retype", id, text}                                by the smallest change of units
//   {n, do: "share", id, from}                                 as tabs do that share a storage
//   {n, do: "until", id, sees: {...}, within_ms}               answers when the editor sees all of it
//   {n, do: "look" | "offline" | "online" | "close", id}
//   {n, do: "aware", id, state} · {n, do: "token", id, token} · {n, do: "send", id, hex}
//
// Every answer is {n, seen} or {n, error}; `seen` is what the editor shows at that moment.
import { createInterface } from 'node:readline'
import * as Y from 'yjs'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { bind } from './bindings.mjs'

const editors = new Map()
const sockets = new Map() // Hocuspocus: several documents share one socket, by name.

class Editor {
  constructor (doc, binding) {
    this.doc = doc
    this.notes = { closed: [], denied: [], scope: null, opened: 0 }
    this.binding = binding
  }

  get seen () {
    const states = Object.fromEntries([...(this.provider.awareness?.getStates() ?? [])].map(([id, s]) => [id, s]))
    return {
      text: this.binding.read().toWellFormed(), // Half a character shows as U+FFFD.
      synced: this.provider.synced,
      connected: this.connected,
      unsynced: this.provider.unsyncedChanges ?? null,
      coming_back: this.comingBack,
      client: this.doc.clientID,
      users: Object.values(states).map(s => s.userId ?? null).sort(),
      states,
      ...this.notes
    }
  }
}

class YjsEditor extends Editor {
  constructor ({ url, name, token, offline }, doc, binding) {
    super(doc, binding)
    this.provider = new WebsocketProvider(url + '/yjs', name, this.doc, { params: { token }, connect: !offline, WebSocketPolyfill: WebSocket, disableBc: true })
    this.provider.on('closed', event => this.notes.closed.push(event.code + ' ' + event.reason))
    this.provider.on('status', ({ status }) => { if (status === 'connected') this.notes.opened++ })
    this.provider.messageHandlers[2] = (_encoder, decoder) => { // what y-websocket prints on the console
      const bytes = decoder.arr.subarray(decoder.pos + 2)
      this.notes.denied.push(Buffer.from(bytes).toString())
    }
  }

  get connected () { return this.provider.wsconnected }
  get comingBack () { return this.provider.shouldConnect }
  offline () { this.provider.disconnect() }
  online () { this.provider.connect() }
  token (token) { this.provider.params = { token } }
  close () { this.provider.destroy(); this.doc.destroy() }
}

class HocuspocusEditor extends Editor {
  constructor ({ url, name, token, socket }, doc, binding) {
    super(doc, binding)
    this.key = socket ?? Symbol(name)
    if (!sockets.has(this.key)) sockets.set(this.key, new HocuspocusProviderWebsocket({ url: url + '/hocuspocus', WebSocketPolyfill: WebSocket, delay: 100, minDelay: 100 }))
    this.socket = sockets.get(this.key)
    this.current = token
    this.provider = new HocuspocusProvider({
      websocketProvider: this.socket,
      name,
      document: this.doc,
      token: () => this.current,
      onAuthenticationFailed: ({ reason }) => this.notes.denied.push(reason),
      onAuthenticated: ({ scope }) => { this.notes.scope = scope; this.notes.opened++ },
      onClose: ({ event }) => this.notes.closed.push(event.code + ' ' + event.reason)
    })
    this.provider.attach()
  }

  get connected () { return this.socket.status === 'connected' }
  get comingBack () { return this.socket.shouldConnect }
  offline () { this.socket.disconnect() }
  online () { this.socket.connect() }
  token (token) { this.current = token; this.provider.sendToken() }
  close () { this.provider.destroy(); this.socket.destroy(); sockets.delete(this.key); this.doc.destroy() }
}

class RawEditor {
  constructor ({ url, name, token }) {
    this.notes = { closed: [], received: [], opened: 0 }
    this.socket = new WebSocket(`${url}/yjs/${name}?token=${token}`, { perMessageDeflate: false })
    this.socket.on('open', () => { this.notes.opened++ })
    this.socket.on('message', data => this.notes.received.push(data.toString('hex')))
    this.socket.on('close', (code, reason) => this.notes.closed.push(code + ' ' + reason))
    this.socket.on('error', () => {})
  }

  get seen () { return this.notes }
  close () { this.socket.terminate() }
}

const families = { yjs: YjsEditor, hocuspocus: HocuspocusEditor, raw: RawEditor }

// {starts: "..."} stands for any text that starts so, {chars: n} for any of that length.
function matches (wanted, seen) {
  if (typeof wanted?.chars === 'number') return typeof seen === 'string' && seen.length === wanted.chars
  if (typeof wanted?.starts === 'string') return typeof seen === 'string' && seen.startsWith(wanted.starts)
  if (typeof wanted !== 'object' || wanted === null) return wanted === seen
  if (Array.isArray(wanted)) return Array.isArray(seen) && wanted.length === seen.length && wanted.every((w, i) => matches(w, seen[i]))
  return typeof seen === 'object' && seen !== null && Object.entries(wanted).every(([key, w]) => matches(w, seen[key]))
}

async function until ({ id, sees, within_ms: withinMs = 5000 }) {
  const end = performance.now() + withinMs
  while (!matches(sees, editors.get(id).seen)) {
    if (performance.now() > end) throw new Error(`not in ${withinMs} ms: ${JSON.stringify(editors.get(id).seen)}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

// What bindings do that see only the text before and after: textareas, simple-diff.
function retype (text, wanted) {
  const is = text.toString()
  let start = 0
  while (start < Math.min(is.length, wanted.length) && is[start] === wanted[start]) start++
  let end = 0
  while (end < Math.min(is.length, wanted.length) - start && is[is.length - 1 - end] === wanted[wanted.length - 1 - end]) end++
  text.doc.transact(() => {
    text.delete(start, is.length - end - start)
    text.insert(start, wanted.slice(start, wanted.length - end))
  })
}

const commands = {
  async open (c) {
    const doc = new Y.Doc()
    const binding = c.family === 'raw' ? null : await bind(c.binding ?? 'text', doc)
    editors.set(c.id, new families[c.family](c, doc, binding))
  },
  retype: c => retype(editors.get(c.id).doc.getText('notes'), c.text),
  share: c => Y.applyUpdate(editors.get(c.id).doc, Y.encodeStateAsUpdate(editors.get(c.from).doc)),
  insert: c => editors.get(c.id).binding.insert(c.at, c.text),
  until,
  look () {},
  offline: c => editors.get(c.id).offline(),
  online: c => editors.get(c.id).online(),
  close (c) { editors.get(c.id).close(); editors.delete(c.id) },
  aware: c => editors.get(c.id).provider.awareness.setLocalState(c.state),
  token: c => editors.get(c.id).token(c.token),
  send: c => editors.get(c.id).socket.send(Buffer.from(c.hex, 'hex'))
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  Promise.resolve()
    .then(() => commands[command.do](command))
    .then(() => ({ seen: editors.get(command.id)?.seen ?? null }), error => ({ error: String(error.stack) }))
    .then(answer => process.stdout.write(JSON.stringify({ n: command.n, ...answer }) + '\n'))
}
process.exit(0)
