import type { Client } from "@collab/client";
import type { AuditLine, AuditPage } from "@collab/client/wire";
import type { JSX } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { exactTime, reasonOf } from "../words";
import { Table } from "./tables";

const ENTRIES_MAX = 50;
const WHOLE_LOG = "audit:*";

/** The newest entries of the whole audit log. Reading it is written into it, so it is read when it is asked for. */
export function Audit({ client }: { client: Client }): JSX.Element {
  const [entries, setEntries] = useState<readonly AuditLine[] | null>(null);
  const [problem, setProblem] = useState("");
  const look = useCallback(() => {
    client.call(WHOLE_LOG, "audit.page", { limit: ENTRIES_MAX }, { isRead: true }).then(
      (answer) => {
        setProblem("");
        setEntries((answer as unknown as AuditPage).entries);
      },
      (error: unknown) => setProblem(reasonOf(error)),
    );
  }, [client]);
  useEffect(look, [look]);
  return (
    <>
      {problem && <p class="problem" role="alert">The audit log cannot be read: {problem}</p>}
      <Table
        title="Audit log, the newest first" head={["When", "Who", "What", "Outcome", "On what", "From", "Words"]}
        isEmpty={entries?.length === 0} beside={<button type="button" class="button-plain" onClick={look}>Look again</button>}
      >
        {entries?.map((one) => (
          <tr key={one.id}>
            <td>{exactTime(one.at_ms)}</td>
            <td dir="auto">{one.user || "nobody known"}{one.org && <span class="quiet"> of {one.org}</span>}</td>
            <td>{one.action}</td>
            <td>{one.outcome}{one.count > 1 && ` × ${one.count}`}</td>
            <td>{one.target}</td>
            <td>{one.address}</td>
            <td class="log-words">{one.detail === "{}" ? "" : one.detail}</td>
          </tr>
        ))}
      </Table>
    </>
  );
}
