import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { letGo, type Unkept, unkept } from "../live/unkept";
import { pathOf } from "../place";
import { useStore } from "../store";
import { CopyButton } from "./copy";

/** What was written here and did not get to the server, above whatever else is shown. */
export function UnkeptWords(): JSX.Element | null {
  const all = useStore(unkept);
  if (all.length === 0) return null;
  return (
    <section class="above" aria-label="What was not saved">
      {all.map((one) => <Words key={one.id} one={one} />)}
    </section>
  );
}

const SAID = {
  notes: { what: "What you wrote last in the notes could not be saved", copy: "Copy my version", label: "My version" },
  messages: { what: "What you wrote was not sent", copy: "Copy my words", label: "My words" },
} as const;

function Words({ one }: { one: Unkept }): JSX.Element {
  const words = useRef<HTMLPreElement>(null);
  const { what, copy, label } = SAID[one.what];
  const path = pathOf(one.target);
  return (
    <div class="problem unkept" role="alert">
      <p>
        {what}: {one.reason.replace(/\.$/, "")}. Copy it before you let it go.
        {path !== location.pathname && path !== null && <> It was for <a href={path}>{one.target}</a>.</>}
      </p>
      <pre class="unkept-words" ref={words} tabIndex={0} aria-label={label} dir="auto">{one.text}</pre>
      <p class="row">
        <CopyButton from={words} words={copy} />
        <button type="button" class="button-plain" onClick={() => letGo(one.id)}>Let it go</button>
      </p>
    </div>
  );
}
