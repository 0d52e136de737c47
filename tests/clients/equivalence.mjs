// Yjs itself, as the judge: one JSON object per line in, one per line out.
//
//   {do: "play", seed, edits, tabs, cuts}
//                                     three documents edited at random; answers what they sent,
//                                     split, merged and repeated, and what all of it together reads
//   {do: "read", update}              what a fresh document reads that loads `update`
//
// `cuts`: carets are within characters of two units too, as editors have it that compare units.
// `tabs`: all three are one person's, so that updates of different clients may be merged as well.
import { createInterface } from 'node:readline'
import * as Y from 'yjs'

const base64 = bytes => Buffer.from(bytes).toString('base64')
const WORDS = ['a', 'é', '🙂', 'word ', '\n', '한글', 'some more words, ']

// mulberry32: the same numbers from the same seed, everywhere.
function numbersFrom (seed, cuts) {
  const next = () => {
    seed = (seed + 0x6D2B79F5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = n => Math.floor(next() * n)
  return { cuts, chance: p => next() < p, below, pick: list => list[below(list.length)] }
}

// ---------------------------------------------------------------- edits

// Where a caret can be: not within a character of two units. What is embedded is one unit.
function places (text, cuts) {
  if (cuts) return [...Array(text.length + 1).keys()]
  const out = [0]
  for (const { insert } of text.toDelta()) {
    for (const character of typeof insert === 'string' ? insert : ' ') out.push(out[out.length - 1] + character.length)
  }
  return out
}

function writeText (rnd, text) {
  const carets = places(text, rnd.cuts && rnd.chance(0.3))
  const first = rnd.below(carets.length)
  const at = carets[first]
  const length = carets[Math.min(carets.length - 1, first + 1 + rnd.below(5))] - at
  const kind = rnd.below(8)
  if (kind < 2 && length > 0) text.delete(at, length)
  else if (kind === 2 && length > 0) text.format(at, length, { bold: rnd.pick([true, null]) })
  else if (kind === 3) text.insertEmbed(at, { image: rnd.below(9) })
  else text.insert(at, rnd.pick(WORDS), rnd.pick([{}, {}, { bold: true }, { link: { href: 'x' } }]))
}

const values = rnd => rnd.pick([1, -7, 0.5, true, null, 'é🙂', [1, { k: [] }], { deep: { er: 'x' } }])

function writeMap (rnd, map) {
  const key = rnd.pick(['a', 'b', 'é'])
  const there = map.get(key)
  if (there instanceof Y.Text && rnd.chance(0.6)) writeText(rnd, there)
  else if (there instanceof Y.Map && rnd.chance(0.6)) there.set(rnd.pick(['x', 'y']), values(rnd))
  else if (rnd.chance(0.2)) map.delete(key)
  else map.set(key, rnd.chance(0.3) ? rnd.pick([new Y.Text('t'), new Y.Map([['x', 1]])]) : values(rnd))
}

function writeArray (rnd, array) {
  const at = rnd.below(array.length + 1)
  const there = array.length > at ? array.get(at) : null
  if (there instanceof Y.Array && rnd.chance(0.5)) there.insert(0, [values(rnd)])
  else if (array.length > at && rnd.chance(0.4)) array.delete(at, Math.min(array.length - at, 1 + rnd.below(2)))
  else array.insert(at, rnd.chance(0.3) ? [Y.Array.from([1])] : [values(rnd), values(rnd)].slice(rnd.below(2)))
}

function writeXml (rnd, node, depth = 0) {
  const at = rnd.below(node.length + 1)
  const there = node.length > at ? node.get(at) : null
  if (there instanceof Y.XmlElement && depth < 4 && rnd.chance(0.6)) writeXml(rnd, there, depth + 1)
  else if (there instanceof Y.XmlText && rnd.chance(0.7)) writeText(rnd, there)
  else if (there !== null && rnd.chance(0.3)) node.delete(at, 1)
  else if (node instanceof Y.XmlElement && rnd.chance(0.3)) node.setAttribute(rnd.pick(['n', 'm']), rnd.pick(WORDS))
  else node.insert(at, [rnd.chance(0.5) ? new Y.XmlElement(rnd.pick(['p', 'h1'])) : new Y.XmlText(rnd.pick(WORDS))])
}

function edit (rnd, doc) {
  doc.transact(() => {
    for (let n = rnd.pick([1, 1, 1, 4]); n > 0; n--) {
      rnd.pick([
        () => writeText(rnd, doc.getText('plain')),
        () => writeMap(rnd, doc.getMap('map')),
        () => writeArray(rnd, doc.getArray('array')),
        () => writeXml(rnd, doc.getXmlFragment('xml'))
      ])()
    }
  })
}

// ---------------------------------------------------------------- what is sent

// Clocks of everybody else: what an update leaves out that tells only of `client`.
function vectorOfOthers (doc, client) {
  const others = Y.decodeStateVector(Y.encodeStateVector(doc))
  others.delete(client)
  return Y.encodeStateVector(others)
}

// In two parts, between structs: within one the cut might go through a character, which no client
// does. The delete set goes with both.
function split (rnd, update) {
  const { from, to } = Y.parseUpdateMeta(update)
  const middle = new Map()
  for (const struct of Y.decodeUpdate(update).structs) {
    const { client, clock } = struct.id
    if (!middle.has(client) || rnd.chance(0.5)) middle.set(client, clock)
  }
  const second = Y.diffUpdate(update, Y.encodeStateVector(middle))
  return from.size === 1 && to.size === 1 ? [second, update] : [update, second]
}

function repackaged (rnd, updates, tabs) {
  const sent = []
  for (let n = 0; n < updates.length; n++) {
    const next = updates[n + 1]
    if (next && (tabs || next.from === updates[n].from) && rnd.chance(0.25)) {
      sent.push({ from: updates[n].from, update: Y.mergeUpdates([updates[n].update, next.update]) })
      if (rnd.chance(0.5)) n++ // else the second is sent once more, by itself
    } else if (rnd.chance(0.25)) {
      for (const part of split(rnd, updates[n].update)) sent.push({ from: updates[n].from, update: part })
    } else {
      sent.push(updates[n])
    }
    if (rnd.chance(0.2)) sent.push(rnd.pick(sent))
  }
  return sent
}

function play ({ seed, edits, tabs, cuts }) {
  const rnd = numbersFrom(seed, cuts)
  const updates = []
  const docs = [0, 1, 2].map(from => {
    const doc = new Y.Doc({ gc: true })
    doc.clientID = 1 + from + 3 * rnd.below(2 ** 30)
    doc.on('update', (update, origin) => { if (origin !== 'remote') updates.push({ from, update }) })
    return doc
  })
  for (let n = 0; n < edits; n++) {
    const from = rnd.below(3)
    const doc = docs[from]
    edit(rnd, doc)
    if (rnd.chance(0.3)) {
      const other = rnd.pick(docs)
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)), 'remote')
    }
    if (rnd.chance(0.05)) updates.push({ from, update: Y.encodeStateAsUpdate(doc, vectorOfOthers(doc, doc.clientID)) })
  }
  const judge = new Y.Doc({ gc: true })
  // Yjs takes away marks that it finds superfluous in what others wrote. Any client does, and tells
  // the others: so does the judge, or it would read something that nobody else was told of.
  judge.on('update', (update, origin) => { if (origin !== 'remote') updates.push({ from: 0, update }) })
  for (const { update } of updates) Y.applyUpdate(judge, update, 'remote')
  const sent = repackaged(rnd, updates, tabs)
  return { sent: sent.map(({ from, update }) => ({ from, update: base64(update) })), seen: seenIn(judge) }
}

// ---------------------------------------------------------------- what a document reads

const sorted = object => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))

// Attributes and marks in any order; runs of one look are one run.
function runs (text) {
  const out = []
  for (const { insert, attributes } of text.toDelta()) {
    const looks = JSON.stringify(sorted(attributes ?? {}))
    const last = out[out.length - 1]
    if (typeof insert === 'string' && last && typeof last[0] === 'string' && last[1] === looks) last[0] += insert
    else out.push([plain(insert), looks])
  }
  return out.map(([insert, looks]) => [insert, JSON.parse(looks)])
}

function plain (value) {
  if (value instanceof Y.XmlElement) return { tag: value.nodeName, attributes: sorted(value.getAttributes()), children: value.toArray().map(plain) }
  if (value instanceof Y.XmlFragment) return value.toArray().map(plain)
  if (value instanceof Y.Text) return runs(value) // Y.XmlText is one.
  if (value instanceof Y.Array) return value.toArray().map(plain)
  if (value instanceof Y.Map) return Object.fromEntries([...value.entries()].map(([key, item]) => [key, plain(item)]))
  return value
}

function seenIn (doc) {
  return {
    roots: { plain: runs(doc.getText('plain')), map: plain(doc.getMap('map')), array: plain(doc.getArray('array')), xml: plain(doc.getXmlFragment('xml')) },
    clocks: Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc)))
  }
}

function read ({ update }) {
  const doc = new Y.Doc({ gc: true })
  Y.applyUpdate(doc, Buffer.from(update, 'base64'))
  return { ...seenIn(doc), pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  process.stdout.write(JSON.stringify({ play, read }[command.do](command)) + '\n')
}
