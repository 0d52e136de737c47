import type { ListedItem } from "@collab/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { runsTheServer } from "../live/allowed";
import { MyList, shownItems } from "../live/my-list";
import { leave, type Session } from "../live/session";
import { go, pathOf } from "../place";
import { Store, useStore } from "../store";
import { count, nameOf, newKey, reasonOf, shortTime } from "../words";
import { Ask, ConnectionPill, Deed, Heading, Mark } from "./bits";
import { Icon } from "./icons";
import { ThemeButton } from "./theme";

const NOTHING_UNSAVED = new Store(0);
const STATUS: Readonly<Record<string, string>> = {
  live: "Live", scheduled: "Planned", ended: "Ended", cancelled: "Called off", open: "Chat",
};

export function Home({ session }: { session: Session }): JSX.Element {
  const [list] = useState(() => new MyList(session.client, session.user));
  useEffect(() => () => list.close(), [list]);
  const mine = useStore(list.items);
  const items = shownItems(mine.items);
  const isOperator = useStore(runsTheServer(session));
  return (
    <div class="home">
      <header class="bar">
        <p class="brand grow"><span class="lamp" aria-hidden="true" /><span class="clip">collab</span></p>
        <ConnectionPill client={session.client} unsaved={NOTHING_UNSAVED} />
        <ThemeButton />
        <Mark user={session.user} />
        <span class="clip wide-only" title={session.user}>{nameOf(session.user)}</span>
        <SignOut session={session} />
      </header>
      <main class="home-main">
        <Begin session={session} />
        <section aria-labelledby="mine">
          <h2 id="mine">My meetings and chats</h2>
          {mine.problem && <p class="problem">{mine.problem}</p>}
          {mine.isLoaded && items.length === 0 && (
            <p class="quiet empty">Nothing yet. Begin a meeting, and send its link to somebody.</p>
          )}
          <ul class="items">
            {items.map((item) => <Item key={item.target} item={item} list={list} />)}
          </ul>
          {mine.cursor !== null && <Deed class="button-plain" act={() => list.pageBack()}>Show older ones</Deed>}
        </section>
      </main>
      <footer class="home-foot small quiet">
        {isOperator && <a href="/admin">The server</a>}
        <a href={document.documentElement.dataset["licences"]} target="_blank" rel="noreferrer">Licences of what this page contains</a>
      </footer>
    </div>
  );
}

/** Signs out; asks first if that would cost something. */
function SignOut({ session }: { session: Session }): JSX.Element {
  const [costs, setCosts] = useState("");
  const signOut = (): void => {
    const { unsent } = session.client.connection.getSnapshot();
    const found = [unsent > 0 && costOfUnsent(unsent), session.pass.isGuest && COST_OF_GUESTS].filter(Boolean).join(" ");
    if (found) setCosts(found);
    else leave();
  };
  const asks = { question: "Sign out now?", words: costs, yes: "Sign out all the same" };
  return (
    <>
      <button type="button" class="button-plain" onClick={signOut}>Sign out</button>
      {costs && <Ask asks={asks} onYes={() => leave()} onClose={() => setCosts("")} />}
    </>
  );
}

const COST_OF_GUESTS = "You are here as a guest: once you have signed out nobody can be this guest again.";

function costOfUnsent(unsent: number): string {
  const changes = count(unsent, "change is", "changes are");
  return `${changes} not on the server yet, and would not get there any more. You would see your words once more, to copy them.`;
}

function Item({ item, list }: { item: ListedItem; list: MyList }): JSX.Element {
  const path = pathOf(item.target);
  const status = item.standing === "invited" ? "Invited" : (STATUS[item.status] ?? item.status);
  const isPinned = item.pinned_ms !== null;
  return (
    <li class="item">
      <a class="grow row" href={path ?? "/"}>
        <span class={`pill ${item.status === "live" ? "pill-good" : ""}`}>{status}</span>
        <span class="grow clip item-title" dir="auto">{item.title || item.target}</span>
        {item.unread > 0 && <span class="unread"><span class="hidden-words">unread: </span>{item.unread}</span>}
        <time class="quiet small tabular" dateTime={new Date(item.at_ms).toISOString()}>{shortTime(item.at_ms)}</time>
      </a>
      <button
        type="button" class="button-plain button-icon" aria-pressed={isPinned} onClick={() => void list.pin(item)}
        aria-label={`${isPinned ? "Unpin" : "Pin"} ${item.title}`} title={isPinned ? "Unpin" : "Pin"}
      >
        <Icon name="pin" />
      </button>
    </li>
  );
}

function Begin({ session }: { session: Session }): JSX.Element {
  const [title, setTitle] = useState("");
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const begin = async (kind: "meeting" | "chat"): Promise<void> => {
    setBusy(true);
    setProblem("");
    const name = title.trim() || (kind === "meeting" ? "Meeting" : "Chat");
    const target = `${kind}:${newKey(title)}`;
    try {
      if (kind === "meeting") {
        await session.client.call(target, "meeting.schedule", { title: name });
        await session.client.call(target, "meeting.start");
      } else {
        await session.client.call(target, "chat.create", { title: name });
      }
      go(pathOf(target)!);
    } catch (error) {
      setProblem(reasonOf(error));
      setBusy(false);
    }
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void begin("meeting");
  };
  return (
    <form class="begin" onSubmit={submit}>
      <Heading>Good to see you, {nameOf(session.user)}</Heading>
      <label for="title" class="quiet">What is it about?</label>
      <div class="begin-row">
        <input id="title" class="grow" dir="auto" value={title} maxLength={200} placeholder="Lighthouse open day" onInput={(event) => setTitle(event.currentTarget.value)} />
        <button class="button-main" type="submit" disabled={isBusy}>New meeting</button>
        <button type="button" disabled={isBusy} onClick={() => void begin("chat")}>New chat</button>
      </div>
      {problem && <p class="problem" role="alert">{problem}</p>}
    </form>
  );
}
