import type { JSX } from "preact";
import type { Session } from "../live/session";

export function AdminPage(_props: { session: Session }): JSX.Element {
  return <main class="alone"><h1>Admin</h1></main>;
}
