// Somebody speaks: the browser's own recognition, or a sample that is played. Both say the same:
// guesses that grow, then the final words.

import { type Client, newKey } from "@collab/client";
import { Store } from "../store";
import { serverNow } from "./server-clock";
import { reasonOf } from "../words";

export type Speaking = "silent" | "listening" | "sample";

interface Recognition {
  continuous: boolean;
  interimResults: boolean;
  lang: string;
  onresult: ((event: { resultIndex: number; results: ArrayLike<ArrayLike<{ transcript: string }> & { isFinal: boolean }> }) => void) | null;
  onerror: ((event: { error: string }) => void) | null;
  onend: (() => void) | null;
  start: () => void;
  stop: () => void;
}

const SAMPLE = [
  "Let me read what we have so far.",
  "The lamp is the heart of the day, so the stairs must stay free.",
  "I would rather have two short tours than one long one.",
  "And somebody should look at the weather on the evening before.",
] as const;
const WORD_MS = 160;
const PAUSE_MS = 900;

export class Speech {
  readonly speaking = new Store<Speaking>("silent");
  readonly problem = new Store("");
  readonly #client: Client;
  readonly #target: string;
  readonly #user: string;
  readonly #startedMs: number;
  readonly #provider = `page-${newKey().slice(0, 8)}`;
  #segment = 0;
  #revision = 0;
  #beganMs = 0;
  #recognition: Recognition | null = null;
  #playing: AbortController | null = null;

  constructor(client: Client, target: string, user: string, startedMs: number) {
    this.#client = client;
    this.#target = target;
    this.#user = user;
    this.#startedMs = startedMs;
  }

  static get canListen(): boolean {
    return recognitionClass() !== undefined;
  }

  listen(): void {
    this.stop();
    const Recogniser = recognitionClass();
    if (Recogniser === undefined) return;
    const recognition = new Recogniser();
    recognition.continuous = true;
    recognition.interimResults = true;
    recognition.lang = navigator.language;
    recognition.onresult = (event) => {
      for (let n = event.resultIndex; n < event.results.length; n++) {
        const result = event.results[n]!;
        this.#say(result[0]!.transcript.trim(), result.isFinal);
      }
    };
    recognition.onerror = ({ error }) => {
      if (error !== "no-speech") this.problem.set(`The browser does not listen: ${error}`);
    };
    recognition.onend = () => {
      if (this.#recognition === recognition) this.stop();
    };
    this.#recognition = recognition;
    this.problem.set("");
    this.speaking.set("listening");
    recognition.start();
  }

  async play(): Promise<void> {
    this.stop();
    const playing = new AbortController();
    this.#playing = playing;
    this.problem.set("");
    this.speaking.set("sample");
    for (const sentence of SAMPLE) {
      const words = sentence.split(" ");
      for (let n = 1; n <= words.length; n++) {
        await new Promise((done) => setTimeout(done, n === 1 ? PAUSE_MS : WORD_MS));
        if (playing.signal.aborted) return;
        if (n % 2 === 0 || n === words.length) this.#say(words.slice(0, n).join(" "), n === words.length);
      }
    }
    if (this.#playing === playing) this.stop();
  }

  stop(): void {
    this.#recognition?.stop();
    this.#recognition = null;
    this.#playing?.abort();
    this.#playing = null;
    this.speaking.set("silent");
  }

  #say(text: string, isFinal: boolean): void {
    if (!text) return;
    const now = Math.max(0, serverNow(this.#client) - this.#startedMs);
    if (this.#revision === 0) this.#beganMs = now;
    const chunk = {
      provider: this.#provider,
      segment: `${this.#segment}`,
      revision: this.#revision++,
      speaker: this.#user,
      start_ms: this.#beganMs,
      end_ms: Math.max(now, this.#beganMs),
      text,
      is_final: isFinal,
    };
    if (isFinal) {
      this.#segment++;
      this.#revision = 0;
    }
    this.#client.call(this.#target, "transcript.add", chunk).catch((error: unknown) => {
      this.stop();
      this.problem.set(reasonOf(error));
    });
  }
}

function recognitionClass(): (new () => Recognition) | undefined {
  const known = globalThis as unknown as Record<string, (new () => Recognition) | undefined>;
  return known["SpeechRecognition"] ?? known["webkitSpeechRecognition"];
}
