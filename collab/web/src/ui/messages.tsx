import { type Client, textOf } from "@collab/client";
import type { Message } from "@collab/client";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Conversation, Pending } from "../live/conversation";
import { draftOf, handBackDrafts, keepDraft } from "../live/unkept";
import { useStore } from "../store";
import { exactTime, hueOf, nameOf, shortTime } from "../words";
import { Arrivals } from "./arrivals";
import { Deed, Mark } from "./bits";
import { Icon } from "./icons";
import { EmojiPicker } from "./picker";
import { VirtualList } from "./virtual-list";

const MESSAGE_PX = 76; // A guess for what was not shown yet.
const TEXT_LEN_MAX = 20_000;
const REMOVING = { question: "Remove this message?", words: "It is removed for everybody, and cannot be brought back.", yes: "Remove it" };

type Row = { is: "message"; message: Message; replied: Message | undefined } | { is: "pending"; pending: Pending };

export interface MessagesProps {
  client: Client;
  user: string;
  conversation: Conversation;
  mayPost: boolean;
  mayRemove: boolean;
}

export function MessagesPane(props: MessagesProps): JSX.Element {
  const { conversation } = props;
  const { messages: list, more } = useStore(conversation.messages);
  const pending = useStore(conversation.pending);
  const isPaging = useStore(conversation.isPaging);
  const problem = useStore(conversation.problem);
  const [replyTo, setReplyTo] = useState<Message | null>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const [jump, setJump] = useState(0);
  const rows = useMemo(() => {
    const byId = new Map(list.map((message) => [message.id, message]));
    const shown: Row[] = list.map((message) => ({
      is: "message", message, replied: message.reply_to === null ? undefined : byId.get(message.reply_to),
    }));
    return [...shown, ...pending.map((one): Row => ({ is: "pending", pending: one }))];
  }, [list, pending]);
  useEffect(() => conversation.show(), [conversation]);
  useEffect(() => {
    if (!props.mayPost) handBackDrafts("you may not write here any more", conversation.target);
  }, [conversation, props.mayPost]);
  const post = (text: string): void => {
    void conversation.post(text, replyTo?.id ?? null);
    setReplyTo(null);
    setJump(jump + 1);
  };
  return (
    <>
      {rows.length === 0 && <p class="quiet pane-empty">No messages yet.</p>}
      {isPaging && <p class="quiet small paging" role="status">Loading older ones …</p>}
      <VirtualList
        items={rows} keyOf={keyOf} guessPx={MESSAGE_PX} label="Messages" jump={jump} className="messages"
        onStart={() => void (more && conversation.pageBack())} onEnd={setAtEnd}
        render={(row) => row.is === "message"
          ? <MessageView {...props} message={row.message} replied={row.replied} onReply={setReplyTo} />
          : <PendingView pending={row.pending} user={props.user} conversation={conversation} />}
      />
      <Arrivals messages={list} user={props.user} />
      {!isAtEnd && rows.length > 0 && (
        <button type="button" class="jump jump-messages" onClick={() => setJump(jump + 1)}><Icon name="down" />Newest</button>
      )}
      {problem && <p class="problem small" role="alert">{problem}</p>}
      {props.mayPost && <Composer target={conversation.target} replyTo={replyTo} onPost={post} onForget={() => setReplyTo(null)} />}
    </>
  );
}

function keyOf(row: Row): string {
  return row.is === "message" ? String(row.message.id) : row.pending.key;
}

type ViewProps = MessagesProps & { message: Message; replied: Message | undefined; onReply: (message: Message) => void };

function MessageView(props: ViewProps): JSX.Element {
  const { message, conversation, user } = props;
  const isOwn = message.author === user;
  return (
    <article class={`message ${isOwn ? "message-own" : ""}`} aria-label={`${nameOf(message.author)}, ${exactTime(message.at_ms)}`}>
      <Mark user={message.author} />
      <div class="grow">
        <p class={`message-head ${hueOf(message.author)}`}>
          <span class="speaker" dir="auto">{nameOf(message.author)}</span>
          <time class="small quiet tabular" dateTime={new Date(message.at_ms).toISOString()} title={exactTime(message.at_ms)}>
            {shortTime(message.at_ms)}{message.edited_ms !== null && " · edited"}
          </time>
        </p>
        {message.reply_to !== null && (
          <p class="replied small clip" dir="auto">{props.replied ? `${nameOf(props.replied.author)}: ${textOf(props.replied)}` : "an earlier message"}</p>
        )}
        {message.is_deleted
          ? <p class="quiet message-words">This message was removed.</p>
          : <p class="message-words" dir="auto">{textOf(message)}</p>}
        <Reactions message={message} user={user} conversation={conversation} />
      </div>
      {props.mayPost && !message.is_deleted && (
        <div class="message-deeds">
          <EmojiPicker onPick={(emoji) => conversation.react(message.id, emoji, !message.reactions[emoji]?.includes(user))} />
          <button type="button" class="button-plain button-icon" aria-label={`Reply to ${nameOf(message.author)}`} title="Reply" onClick={() => props.onReply(message)}>
            <Icon name="reply" />
          </button>
          {(isOwn || props.mayRemove) && (
            <Deed class="button-plain button-icon" label="Remove this message" asks={REMOVING} act={() => conversation.remove(message.id, isOwn)}>
              <Icon name="close" />
            </Deed>
          )}
        </div>
      )}
    </article>
  );
}

function Reactions({ message, user, conversation }: { message: Message; user: string; conversation: Conversation }): JSX.Element | null {
  const entries = Object.entries(message.reactions);
  if (entries.length === 0) return null;
  return (
    <p class="reactions">
      {entries.map(([emoji, users]) => (
        <button
          key={emoji} type="button" class="reaction" aria-pressed={users.includes(user)} title={users.map(nameOf).join(", ")}
          aria-label={`${emoji} by ${users.map(nameOf).join(", ")}`}
          onClick={() => void conversation.react(message.id, emoji, !users.includes(user))}
        >
          {emoji} <span class="tabular">{users.length}</span>
        </button>
      ))}
    </p>
  );
}

function PendingView({ pending, user, conversation }: { pending: Pending; user: string; conversation: Conversation }): JSX.Element {
  return (
    <article class={`message message-own ${pending.problem === null ? "message-pending" : ""}`}>
      <Mark user={user} />
      <div class="grow">
        <p class={`message-head ${hueOf(user)}`}><span class="speaker" dir="auto">{nameOf(user)}</span></p>
        <p class="message-words" dir="auto">{pending.text}</p>
        {pending.problem === null
          ? <p class="small quiet">Sending …</p>
          : (
            <p class="problem small" role="alert">
              Not sent: {pending.problem}{" "}
              <button type="button" class="button-plain" onClick={() => void conversation.again(pending)}>Try again</button>
              <button type="button" class="button-plain" onClick={() => conversation.forget(pending)}>Discard</button>
            </p>
          )}
      </div>
    </article>
  );
}

function Composer(props: { target: string; replyTo: Message | null; onPost: (text: string) => void; onForget: () => void }): JSX.Element {
  const [text, setText] = useState(() => draftOf(props.target));
  const box = useRef<HTMLTextAreaElement>(null);
  const change = (words: string): void => {
    setText(words);
    keepDraft(props.target, words); // For when one comes back to this page.
  };
  const send = (): void => {
    if (!text.trim()) return;
    props.onPost(text.trim());
    change("");
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  };
  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      {props.replyTo && (
        <p class="replied small row">
          <span class="grow clip" dir="auto">Reply to {nameOf(props.replyTo.author)}: {textOf(props.replyTo)}</span>
          <button type="button" class="button-plain" aria-label="Do not reply" onClick={props.onForget}><Icon name="close" /></button>
        </p>
      )}
      <div class="row">
        <textarea
          ref={box} rows={1} value={text} maxLength={TEXT_LEN_MAX} dir="auto" placeholder="Write a message" aria-label="Write a message"
          onInput={(event) => change(event.currentTarget.value)} onKeyDown={onKeyDown}
        />
        <button type="submit" class="button-main button-icon" aria-label="Send" title="Send" disabled={!text.trim()}><Icon name="send" /></button>
      </div>
    </form>
  );
}
