// Places as Yjs itself writes and reads them: `node places.mjs SEED` prints a document that three
// people wrote and deleted in, what it says, and where places are in it.
//
//   {update, text,
//    now: [[code point, place]],       every place of the text
//    old: [[place, code point]]}       places taken while it was written, some of words that are gone
import * as Y from 'yjs'

const ROOT = 'codemirror'
const WORDS = ['a', 'bc', ' ', 'é', 'ü', '🙂', '漢字', 'word ']

// mulberry32, as in equivalence.mjs.
let seed = Number(process.argv[2])
function below (n) {
  seed = (seed + 0x6D2B79F5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * n)
}

/** Returns `index`, or the unit before it if that is within a character. */
function whole (said, index) {
  return index < said.length && said.charCodeAt(index) >> 10 === 0x37 ? index - 1 : index
}

const docs = [1, 2, 3].map(client => Object.assign(new Y.Doc(), { clientID: 10 * Number(process.argv[2]) + client }))
const share = () => {
  for (const from of docs) for (const to of docs) if (from !== to) Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)))
}
const placeOf = (text, index, assoc) => Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(text, index, assoc))

const taken = []
for (let step = 0; step < 80; step++) {
  const text = docs[below(3)].getText(ROOT)
  const said = text.toString()
  if (said.length < 4 || below(4) > 0) {
    text.insert(whole(said, below(said.length + 1)), WORDS[below(WORDS.length)])
  } else {
    const start = whole(said, below(said.length))
    text.delete(start, whole(said, Math.min(said.length, start + 2 + below(4))) - start)
  }
  const then = text.toString()
  taken.push(placeOf(text, whole(then, below(then.length + 1)), below(3) > 0 ? 0 : -1))
  if (below(3) === 0) share()
}
share()

const text = docs[0].getText(ROOT)
const said = text.toString()
const points = index => [...said.slice(0, index)].length
const indices = [...Array(said.length + 1).keys()].filter(index => whole(said, index) === index)
console.log(JSON.stringify({
  update: Buffer.from(Y.encodeStateAsUpdate(docs[0])).toString('base64'),
  text: said,
  now: indices.map(index => [points(index), placeOf(text, index, 0)]),
  old: taken.map(place => {
    const found = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(place), docs[0])
    return [place, points(found.index)]
  })
}))
