// How things are said to people.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const GUEST_PREFIX = "guest:"; // Of ids that the server gives to those who come without an account.
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** "14:05" today, "Nov 3" before. */
export function shortTime(ms: number): string {
  const then = new Date(ms);
  const isToday = then.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(then) : DAY.format(then);
}

export function exactTime(ms: number): string {
  return EXACT.format(new Date(ms));
}

/** Milliseconds of speech as "1:02:03" or "2:03". */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const parts = s >= 3600 ? [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60] : [Math.floor(s / 60), s % 60];
  return parts.map((part, n) => (n ? String(part).padStart(2, "0") : part)).join(":");
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

/** The class that gives somebody their colour, everywhere the same. */
export function hueOf(user: string): string {
  return `hue-${hueNumber(user)}`;
}

export function hueNumber(user: string): number {
  let hash = 2166136261; // FNV-1a, folded.
  for (const letter of user) hash = Math.imul(hash ^ letter.codePointAt(0)!, 16777619) >>> 0;
  return (hash >>> 9) & 7;
}

/** What somebody is called: a guest has no name, but letters by which guests can be told apart. */
export function nameOf(user: string): string {
  return user.startsWith(GUEST_PREFIX) ? `Guest ${user.slice(GUEST_PREFIX.length, GUEST_PREFIX.length + 4)}` : user;
}

/** Two letters for a round mark. */
export function initials(user: string): string {
  const name = nameOf(user);
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [...words[0]!][0]! + [...words[1]!][0]! : [...name].slice(0, 2).join("");
  return letters;
}

export const NOT_TAKEN = "The server does not take this token: it has ended, is for another server, or was not copied whole.";

/** Why something did not work, for people: no names of operations, no ids. */
export function reasonOf(error: unknown): string {
  return refusalOf(codeOf(error), error instanceof Error ? error.message : String(error));
}

/** What a refusal with this code and these words means for people. */
export function refusalOf(code: string, message: string): string {
  switch (code) {
    case "permission_denied":
      return message.startsWith("your role does not allow") ? "your role does not allow this" : message;
    case "unauthenticated":
      return message.startsWith("the token is") ? NOT_TAKEN : message;
    case "abandoned":
      return "the server did not answer in time; it may have happened all the same";
    case "closed":
      return "you have signed out";
    default:
      return message;
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** An id that people can type: from a title, and letters that make it nobody else's. */
export function newKey(title: string): string {
  const plain = title.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  const letters = crypto.getRandomValues(new Uint8Array(5));
  const end = [...letters].map((byte) => "abcdefghijkmnpqrstuvwxyz23456789"[byte % 32]).join("");
  return plain ? `${plain.slice(0, 40).replace(/-+$/, "")}-${end}` : end;
}
