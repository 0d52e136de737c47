import type { TranscriptLine } from "@collab/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Room } from "../live/room";
import { keyOf } from "../live/transcript";
import { useStore } from "../store";
import { count, duration, hueOf, nameOf } from "../words";
import { Mark } from "./bits";
import { Icon } from "./icons";
import { VirtualList } from "./virtual-list";

const LINE_PX = 44; // A guess for what was not shown yet.

export function TranscriptPane({ room }: { room: Room }): JSX.Element {
  const { lines } = useStore(room.transcript);
  const problem = useStore(room.pagingProblem);
  const [isAtEnd, setAtEnd] = useState(true);
  const [jump, setJump] = useState(0);
  return (
    <>
      <header class="pane-head">
        <h2>Transcript</h2>
        <span class="small quiet tabular">{lines.length > 0 ? count(lines.length, "line") : ""}</span>
      </header>
      {lines.length === 0 && <p class="quiet pane-empty">Nobody has said anything yet.</p>}
      {problem && <p class="problem small" role="alert">{problem}</p>}
      <VirtualList
        items={lines} keyOf={keyOf} guessPx={LINE_PX} label="What was said" jump={jump} className="transcript"
        onStart={() => void room.pageTranscript()} onEnd={setAtEnd}
        render={(line, n) => <LineView line={line} isNew={lines[n - 1]?.speaker !== line.speaker} />}
      />
      {!isAtEnd && (
        <button type="button" class="jump" onClick={() => setJump(jump + 1)}><Icon name="down" />Jump to live</button>
      )}
    </>
  );
}

function LineView({ line, isNew }: { line: TranscriptLine; isNew: boolean }): JSX.Element {
  return (
    <div class={`line ${isNew ? "line-new" : ""} ${line.is_final ? "" : "line-interim"}`}>
      {isNew && (
        <p class={`line-head ${hueOf(line.speaker)}`}>
          <Mark user={line.speaker} />
          <span class="speaker" dir="auto">{nameOf(line.speaker)}</span>
          <span class="small quiet tabular">{duration(line.start_ms)}</span>
        </p>
      )}
      <p class="line-words" dir="auto">{line.text}{!line.is_final && <span aria-hidden="true"> …</span>}</p>
    </div>
  );
}
