import type { JSX } from "preact";
import { Suspense } from "preact/compat";
import { useEffect } from "preact/hooks";
import { type Session, signedIn } from "../live/session";
import { place } from "../place";
import { useStore } from "../store";
import { Heading } from "./bits";
import { Boundary, part } from "./faults";
import { Home } from "./home";
import { SignIn } from "./sign-in";
import { TokenAsked } from "./token-asked";
import { UnkeptWords } from "./unkept";
import { Connecting, Waiting } from "./waiting";

const MeetingPage = part(() => import("./meeting").then((module) => module.MeetingPage));
const ChatPage = part(() => import("./chat").then((module) => module.ChatPage));
const AdminPage = part(() => import("./admin").then((module) => module.AdminPage));

export function App(): JSX.Element {
  const state = useStore(signedIn);
  return (
    <>
      <UnkeptWords />
      {state.is === "out" && <SignIn problem={state.problem} tried={state.tried} />}
      {state.is === "opening" && <Connecting client={state.client} />}
      {state.is === "in" && <TokenAsked session={state.session} />}
      {state.is === "in" && <Here session={state.session} />}
    </>
  );
}

function Here({ session }: { session: Session }): JSX.Element {
  const here = useStore(place);
  return (
    <Boundary key={"key" in here ? `${here.view} ${here.key}` : here.view}>
      <Suspense fallback={<Waiting words="Loading …" client={session.client} />}>
        <View session={session} />
      </Suspense>
    </Boundary>
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
          <Heading>Nothing is here</Heading>
          <p class="quiet">Perhaps the link is not whole.</p>
          <p><a href="/">To my meetings and chats</a></p>
        </main>
      );
  }
}
