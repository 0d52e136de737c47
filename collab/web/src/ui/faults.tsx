// When the page itself fails: a part that cannot be fetched, or a fault of ours. Nothing is left blank.

import { Component, type ComponentChildren, type ComponentType, type JSX } from "preact";
import { lazy } from "preact/compat";
import { reasonOf } from "../words";

/** A part of the page that is fetched when it is first shown. */
export function part<P>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  return lazy(() => load().then((component) => ({ default: component }), () => ({ default: Stale }))) as ComponentType<P>;
}

/** A part is gone: its name holds a hash, so a server with another page does not have it. */
export function Stale(): JSX.Element {
  return (
    <Fault title="This page has changed">
      <p class="quiet" role="alert">A part of it cannot be fetched: the server has a newer page, or there is no network.</p>
    </Fault>
  );
}

interface Shown {
  fault: unknown;
  isFaulty: boolean;
}

/** Shows what is inside, or that it has failed. Give it a `key`, so that another place is another attempt. */
export class Boundary extends Component<{ children: ComponentChildren }, Shown> {
  override state: Shown = { fault: null, isFaulty: false };

  static override getDerivedStateFromError(fault: unknown): Shown {
    return { fault, isFaulty: true };
  }

  override componentDidCatch(fault: unknown): void {
    console.error(fault); // With its stack, for whoever looks into it.
  }

  override render(): ComponentChildren {
    if (!this.state.isFaulty) return this.props.children;
    return (
      <Fault title="The page has failed here">
        <p class="quiet" role="alert">{reasonOf(this.state.fault)}</p>
      </Fault>
    );
  }
}

function Fault({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <main class="alone">
      <h1>{title}</h1>
      {children}
      <p><button type="button" class="button-main" onClick={() => location.reload()}>Load it again</button></p>
      <p><a href="/">To my meetings and chats</a></p>
    </main>
  );
}
