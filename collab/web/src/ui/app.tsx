import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { lazy, Suspense } from "preact/compat";
import { type Session, signedIn } from "../live/session";
import { place } from "../place";
import { useStore } from "../store";
import { Home } from "./home";
import { SignIn } from "./sign-in";

const MeetingPage = lazy(() => import("./meeting").then((module) => ({ default: module.MeetingPage })));
const ChatPage = lazy(() => import("./chat").then((module) => ({ default: module.ChatPage })));
const AdminPage = lazy(() => import("./admin").then((module) => ({ default: module.AdminPage })));

export function App(): JSX.Element {
  const state = useStore(signedIn);
  if (state.is === "out") return <SignIn problem={state.problem} />;
  if (state.is === "opening") return <Waiting words="Connecting …" />;
  return (
    <Suspense fallback={<Waiting words="Loading …" />}>
      <View session={state.session} />
    </Suspense>
  );
}

function View({ session }: { session: Session }): JSX.Element {
  const here = useStore(place);
  useEffect(() => {
    if (here.view === "home") document.title = "collab";
  }, [here]);
  switch (here.view) {
    case "home":
      return <Home session={session} />;
    case "meeting":
      return <MeetingPage key={here.key} session={session} target={`meeting:${here.key}`} />;
    case "chat":
      return <ChatPage key={here.key} session={session} target={`chat:${here.key}`} />;
    case "admin":
      return <AdminPage session={session} />;
    case "nowhere":
      return (
        <main class="alone">
          <h1>Nothing is here</h1>
          <p><a href="/">To my meetings and chats</a></p>
        </main>
      );
  }
}

export function Waiting({ words }: { words: string }): JSX.Element {
  return <main class="alone"><p class="quiet" role="status">{words}</p></main>;
}
