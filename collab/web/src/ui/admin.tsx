import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { MyList, NOTHING_LISTED } from "../live/my-list";
import { figure, type Overview, OverviewWatch, rate, type Seen } from "../live/overview";
import type { Session } from "../live/session";
import { pathOf } from "../place";
import { Store, useStore } from "../store";
import { exactTime } from "../words";
import { Waiting } from "./waiting";
import { ConnectionPill, Heading } from "./bits";
import { Audit } from "./audit";
import { Icon } from "./icons";
import { atMostMs, milliseconds, Numbers, shown, size, Table } from "./tables";
import { ThemeButton } from "./theme";

const NOTHING_UNSAVED = new Store(0);
const NO_ITEMS = new Store(NOTHING_LISTED);

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
        <p class="brand grow"><span class="lamp" aria-hidden="true" /><span class="clip">collab</span></p>
        <ConnectionPill client={session.client} unsaved={NOTHING_UNSAVED} />
        <ThemeButton />
      </header>
      {watch === null ? <Waiting words="Looking …" /> : <Board watch={watch} session={session} />}
    </div>
  );
}

function Board({ watch, session }: { watch: OverviewWatch; session: Session }): JSX.Element {
  const seen = useStore(watch.seen);
  const { newest, problem } = seen;
  return (
    <main class="admin-main">
      <Heading>The server now</Heading>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {newest && (
        <>
          <Cards seen={seen} newest={newest} />
          <Watched newest={newest} session={session} />
          <Connections newest={newest} />
          <Recent newest={newest} />
          <Audit client={session.client} />
          <div class="tables">
            <Actors newest={newest} />
            <Journal newest={newest} />
          </div>
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
    ["Call, median", atMostMs(newest.latency_ms["0.5"])],
    ["Call, 99 of 100", atMostMs(newest.latency_ms["0.99"])],
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

function Watched({ newest, session }: { newest: Overview; session: Session }): JSX.Element {
  const titles = useMyTitles(session);
  return (
    <Table title="What is followed" head={["Target", "Title, where one is in it"]} numbers={["People", "Followers"]} isEmpty={newest.watched.length === 0}>
      {newest.watched.map((one) => {
        const path = pathOf(one.target);
        return (
          <tr key={one.target}>
            <td>{path ? <a href={path}>{one.target}</a> : one.target}</td>
            <td dir="auto">{titles.get(one.target) ?? ""}</td>
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

function Actors({ newest }: { newest: Overview }): JSX.Element {
  const ofKinds = newest.figures
    .filter((one) => one.name === "collab_actors_of_kind" && one.value > 0)
    .map((one) => [one.labels["kind"] ?? "", shown(one.value)] as const);
  return (
    <Numbers
      title="Actors in memory"
      rows={[
        ...ofKinds,
        ["Brought to life since the start", shown(figure(newest, "collab_actors_activations"))],
        ["Commands", shown(figure(newest, "collab_actors_commands"))],
        ["Refused", shown(figure(newest, "collab_actors_refused"))],
        ["Crashes", shown(figure(newest, "collab_actors_crashes"))],
      ]}
    />
  );
}

function Journal({ newest }: { newest: Overview }): JSX.Element {
  const commits = newest.figures.filter((one) => one.name === "collab_store_commit_seconds");
  const rows: (readonly [string, string])[] = [
    ["Records", shown(figure(newest, "collab_store_rows"))],
    ["In them", size(figure(newest, "collab_store_payload_bytes"))],
    ["Group commits", shown(figure(newest, "collab_store_commits"))],
    ...commits.map((one) => [`Commit, ${Number(one.labels["quantile"]) * 100} of 100`, milliseconds(one.value * 1000)] as const),
    ["In the tail", size(figure(newest, "collab_store_tail_bytes"))],
    ["Buckets sealed", shown(figure(newest, "collab_store_buckets_sealed"))],
  ];
  return <Numbers title="Journal" rows={figure(newest, "collab_store_commits") === null ? [] : rows} />;
}

/** Titles are what people wrote, and operators see no more of that than others: only those of their own list. */
function useMyTitles(session: Session): ReadonlyMap<string, string> {
  const [list, setList] = useState<MyList | null>(null);
  useEffect(() => {
    const made = new MyList(session.client, session.user);
    setList(made);
    return () => made.close();
  }, [session]);
  const { items } = useStore(list?.items ?? NO_ITEMS);
  return new Map(items.map((item) => [item.target, item.title]));
}
