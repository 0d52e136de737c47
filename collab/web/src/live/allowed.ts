// Whether we run this server: asked once for each session, and taken to stay.

import { Store } from "../store";
import type { Session } from "./session";

const answers = new WeakMap<Session, Store<boolean>>();

/** Returns whether `/admin` has anything for us; false until the server has said so. */
export function runsTheServer(session: Session): Store<boolean> {
  const known = answers.get(session);
  if (known !== undefined) return known;
  const answer = new Store(false);
  answers.set(session, answer);
  const headers = { authorization: `Bearer ${session.token}` };
  fetch("/v1/overview/allowed", { headers })
    .then(async (response) => {
      if (!response.ok) throw new Error(`answer ${response.status}`);
      answer.set(((await response.json()) as { allowed: boolean }).allowed);
    })
    .catch(() => answers.delete(session)); // No network, say: the next look asks again.
  return answer;
}
