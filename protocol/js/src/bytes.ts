/** Bytes as JSON carries them: base64. */

const PIECE = 0x8000 // Arguments of one call; engines bound them.

/** Returns `bytes` as base64. */
export function toBase64 (bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += PIECE) {
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE))
  }
  return btoa(binary)
}

/** Returns what `text` stands for. Throws a `DOMException` if it is not base64. */
export function fromBase64 (text: string): Uint8Array {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}

/** Returns the bytes of a field, in whichever encoding it came. Throws a `TypeError` for others. */
export function asBytes (value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return fromBase64(value)
  throw new TypeError('neither bytes nor base64')
}
