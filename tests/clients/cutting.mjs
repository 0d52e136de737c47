// Yjs documents that a test edits and connects as it likes: one JSON object per line in, one out.
//
//   {do: "open", who, client}          a new document that writes as `client`
//   {do: "edit", who, seed, count}     edits at random, also within characters; answers the updates
//   {do: "take", who, update}          what somebody else wrote
//   {do: "vector", who}                its state vector
//   {do: "since", who, vector}         what a document with `vector` lacks
//   {do: "look", who}                  the text, its state, and whether anything is held back
import { createInterface } from 'node:readline'
import * as Y from 'yjs'

const coded = bytes => Buffer.from(bytes).toString('base64')
const plain = text => new Uint8Array(Buffer.from(text, 'base64'))
const WORDS = ['😀', '😁', '🎉', 'x', 'words ', 'a🙂b']
const docs = new Map()

// mulberry32: the same numbers from the same seed, everywhere.
function numbersFrom (seed) {
  const next = () => {
    seed = (seed + 0x6D2B79F5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return { below: n => Math.floor(next() * n), chance: p => next() < p }
}

function open ({ who, client }) {
  const doc = new Y.Doc()
  doc.clientID = client
  const sent = []
  doc.on('update', (update, origin) => { if (origin !== 'remote') sent.push(coded(update)) })
  docs.set(who, { doc, text: doc.getText('t'), sent })
  return {}
}

function edit ({ who, seed, count }) {
  const { doc, text, sent } = docs.get(who)
  const rnd = numbersFrom(seed)
  for (let n = 0; n < count; n++) {
    const at = rnd.below(text.length + 1)
    if (text.length > at && rnd.chance(0.35)) text.delete(at, Math.min(text.length - at, 1 + rnd.below(3)))
    else if (text.length > at && rnd.chance(0.2)) doc.transact(() => { text.delete(at, 1); text.insert(at, '\ude01') })
    else text.insert(at, WORDS[rnd.below(WORDS.length)])
  }
  return { updates: sent.splice(0) }
}

function take ({ who, update }) {
  Y.applyUpdate(docs.get(who).doc, plain(update), 'remote')
  return {}
}

const vector = ({ who }) => ({ vector: coded(Y.encodeStateVector(docs.get(who).doc)) })
const since = ({ who, vector }) => ({ update: coded(Y.encodeStateAsUpdate(docs.get(who).doc, plain(vector))) })

function look ({ who }) {
  const { doc, text } = docs.get(who)
  return {
    text: text.toString().toWellFormed(),
    whole: coded(Y.encodeStateAsUpdate(doc)),
    pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  const answer = { open, edit, take, vector, since, look }[command.do](command)
  process.stdout.write(JSON.stringify(answer) + '\n')
}
