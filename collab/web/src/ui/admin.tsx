import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { figure, type Overview, OverviewWatch, rate, type Seen } from "../live/overview";
import type { Session } from "../live/session";
import { pathOf } from "../place";
import { Store, useStore } from "../store";
import { exactTime } from "../words";
import { ConnectionPill } from "./bits";
import { Icon } from "./icons";
import { ThemeButton } from "./theme";
import { Waiting } from "./waiting";

const NOTHING_UNSAVED = new Store(0);
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1, notation: "compact" });

/** The server from above, for those who run it. */
export function AdminPage({ session }: { session: Session }): JSX.Element {
  const [watch, setWatch] = useState<OverviewWatch | null>(null);
  useEffect(() => {
    document.title = "Server · collab";
    const made = new OverviewWatch(session);
    setWatch(made);
    return () => made.close();
  }, [session]);
  return (
    <div class="home">
      <header class="bar">
        <a class="button-plain button-icon back" href="/" aria-label="To my meetings and chats"><Icon name="back" /></a>
        <p class="brand grow"><span class="lamp" aria-hidden="true" />collab</p>
        <ConnectionPill client={session.client} unsaved={NOTHING_UNSAVED} />
        <ThemeButton />
      </header>
      {watch === null ? <Waiting words="Looking …" /> : <Board watch={watch} />}
    </div>
  );
}

function Board({ watch }: { watch: OverviewWatch }): JSX.Element {
  const seen = useStore(watch.seen);
  const { newest, problem } = seen;
  return (
    <main class="admin-main">
      <h1>The server now</h1>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {newest && (
        <>
          <Cards seen={seen} newest={newest} />
          <Watched newest={newest} />
          <Connections newest={newest} />
          <Recent newest={newest} />
        </>
      )}
    </main>
  );
}

function Cards({ seen, newest }: { seen: Seen; newest: Overview }): JSX.Element {
  const bytes = (name: string): string => size(figure(newest, name));
  const perSecond = (name: string): string => shown(rate(seen, name));
  const cards: [string, string][] = [
    ["Connections", shown(newest.connections.count)],
    ["Subscriptions", shown(figure(newest, "collab_subscriptions"))],
    ["Live actors", shown(figure(newest, "collab_actors_active"))],
    ["Messages in /s", perSecond("collab_wire_messages_in")],
    ["Frames out /s", perSecond("collab_wire_frames_out")],
    ["Commits /s", perSecond("collab_store_commits")],
    ["Call, median", milliseconds(newest.latency_ms["0.5"])],
    ["Call, 99 of 100", milliseconds(newest.latency_ms["0.99"])],
    ["Waiting to be sent", bytes("collab_outbox_bytes")],
    ["Lagging now", shown(figure(newest, "collab_subscriptions_lagging"))],
    ["Slow clients let go", shown(figure(newest, "collab_wire_slow_consumers"))],
    ["Journal tail", bytes("collab_store_tail_bytes")],
    ["Refused calls", shown(figure(newest, "collab_wire_calls_failed"))],
    ["Faults of ours", shown(figure(newest, "collab_wire_faults"))],
  ];
  return (
    <dl class="cards">
      {cards.map(([name, value]) => (
        <div key={name} class="card"><dt class="small quiet">{name}</dt><dd class="card-value">{value}</dd></div>
      ))}
    </dl>
  );
}

function Watched({ newest }: { newest: Overview }): JSX.Element {
  return (
    <Table title="What is followed" head={["Target"]} numbers={["People", "Followers"]} isEmpty={newest.watched.length === 0}>
      {newest.watched.map((one) => {
        const path = pathOf(one.target);
        return (
          <tr key={one.target}>
            <td>{path ? <a href={path}>{one.target}</a> : one.target}</td>
            <td class="number">{one.people}</td>
            <td class="number">{one.followers}</td>
          </tr>
        );
      })}
    </Table>
  );
}

function Connections({ newest }: { newest: Overview }): JSX.Element {
  const { slowest } = newest.connections;
  return (
    <Table title="Connections, the slowest first" head={["Who", "From", "State"]} numbers={["Waiting", "Calls", "Follows", "Lagging"]} isEmpty={slowest.length === 0}>
      {slowest.map((one) => (
        <tr key={one.session_id}>
          <td>{one.user_id ?? "nobody yet"}</td>
          <td>{one.peer}</td>
          <td>{one.state}</td>
          <td class="number">{size(one.backlog_bytes)}</td>
          <td class="number">{one.open_calls}</td>
          <td class="number">{one.subscriptions}</td>
          <td class="number">{one.lagging}</td>
        </tr>
      ))}
    </Table>
  );
}

function Recent({ newest }: { newest: Overview }): JSX.Element {
  return (
    <Table title="Warnings and errors" head={["When", "What", "Where", "Words"]} isEmpty={newest.recent.length === 0}>
      {newest.recent.map((line, n) => (
        <tr key={`${line.at_ms}-${n}`}>
          <td>{exactTime(line.at_ms)}</td>
          <td>{line.level}</td>
          <td>{line.logger}</td>
          <td class="log-words">{line.text}</td>
        </tr>
      ))}
    </Table>
  );
}

function Table(props: { title: string; head: readonly string[]; numbers?: readonly string[]; isEmpty: boolean; children: ComponentChildren }): JSX.Element {
  return (
    <section aria-label={props.title}>
      <h2 class="table-title">{props.title}</h2>
      {props.isEmpty
        ? <p class="quiet">None.</p>
        : (
          <div class="table-place" tabIndex={0} role="region" aria-label={props.title}>
            <table>
              <thead>
                <tr>
                  {props.head.map((name) => <th key={name} scope="col">{name}</th>)}
                  {props.numbers?.map((name) => <th key={name} scope="col" class="number">{name}</th>)}
                </tr>
              </thead>
              <tbody>{props.children}</tbody>
            </table>
          </div>
        )}
    </section>
  );
}

function shown(value: number | null): string {
  return value === null ? "–" : NUMBER.format(value);
}

function milliseconds(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : `≤ ${NUMBER.format(value)} ms`;
}

function size(bytes: number | null): string {
  if (bytes === null) return "–";
  const steps = ["B", "kB", "MB", "GB"];
  const step = Math.min(steps.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${NUMBER.format(bytes / 1000 ** step)} ${steps[step]}`;
}
