// What time it is at the server: what is measured from its moments must not be measured by a wrong clock.

import type { Client } from "@collab/client";

export function serverNow(client: Client): number {
  return Date.now() - (client.connection.getSnapshot().clockAheadMs ?? 0);
}
