import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Room } from "../live/room";
import { serverNow } from "../live/server-clock";
import type { Session } from "../live/session";
import { Speech } from "../live/speech";
import { useStore } from "../store";
import { Icon } from "./icons";

/** Speaks into the transcript: with one's voice where the browser can listen, else with a sample. */
export function SpeakButtons({ session, room }: { session: Session; room: Room }): JSX.Element {
  const started = room.meeting.value?.meeting.started_at_ms ?? serverNow(session.client);
  const [speech] = useState(() => new Speech(session.client, room.target, session.user, started));
  useEffect(() => () => speech.stop(), [speech]);
  const speaking = useStore(speech.speaking);
  const problem = useStore(speech.problem);
  const isListening = speaking === "listening";
  const isPlaying = speaking === "sample";
  return (
    <span class="row speak">
      {Speech.canListen && (
        <button type="button" aria-pressed={isListening} onClick={() => (isListening ? speech.stop() : speech.listen())} aria-label={isListening ? "Stop speaking" : "Speak"}>
          <Icon name={isListening ? "stop" : "mic"} /><span class="wide-only">{isListening ? "Stop" : "Speak"}</span>
        </button>
      )}
      <button
        type="button" aria-pressed={isPlaying} aria-label={isPlaying ? "Stop the sample" : "Play a sample"} title="Play a sample into the transcript"
        onClick={() => (isPlaying ? speech.stop() : void speech.play())}
      >
        <Icon name={isPlaying ? "stop" : "play"} /><span class="wide-only">Sample</span>
      </button>
      {problem && <span class="problem small speak-problem" role="alert">{problem}</span>}
    </span>
  );
}
