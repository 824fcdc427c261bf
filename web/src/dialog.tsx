// A question before something is changed: it says what will happen, sends the request, and shows what comes of it. If the
// daemon requires a password, the page asks for it and keeps it only in its own memory.
import { Child, h } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Said } from "./said";
import { Moment, When } from "./schedule";
import { ask } from "./told";
import { Entry } from "./watch";
import { Words, time_of } from "./words";

export interface Deed {
  title: string;
  happens: string[]; // what the action will do, one sentence each
  noticed: string[]; // what clients will notice
  learn?: (stop: AbortSignal) => Promise<string[]>; // more about `happens`, for which the daemons have to look first
  last: string; // how long it took last time; empty: not known
  doubts: string[]; // what speaks against the action
  method: "POST" | "PATCH" | "DELETE";
  path: string;
  body: Record<string, unknown> | null;
  later?: string; // the member of the body that takes a time, if the action can be scheduled
}

const patience_ms = 120_000; // the answer to a restart comes when the server runs again
const shown_news = 8;

let login = ""; // the header Authorization; empty: no password was asked for yet

function login_of(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
}

// The text of an answer for people. Error pages are HTML, and only their sentence is shown.
export function plain(text: string): string {
  const message = /<p>Message: (.*?)<\/p>/.exec(text);
  return (message?.[1] ?? text).trim().slice(0, 4000);
}

function Login({ words, refused, set }: { words: Words; refused: boolean; set: (login: string) => void }) {
  const [user, set_user] = useState("");
  const [password, set_password] = useState("");
  const change = (u: string, p: string) => (set_user(u), set_password(p), set(login_of(u, p)));
  return (
    <fieldset class="login">
      <legend>{refused ? words.wrong_password : words.wants_password}</legend>
      <label>{words.user} <input autoComplete="off" spellcheck={false} value={user} onInput={(e: any) => change(e.currentTarget.value, password)} /></label>
      <label>{words.password} <input type="password" autoComplete="off" value={password} onInput={(e: any) => change(user, e.currentTarget.value)} /></label>
      <small>{words.password_kept}</small>
    </fieldset>
  );
}

export type State = "asking" | "login" | "working" | "done" | "failed";

export interface Answer {
  status: number; // 0: there was none
  text: string;
  headers: Headers;
}

// Sends requests that need the password. `state` is "login" while the password is asked for; then the form is sent again.
export function useSender(words: Words) {
  const [state, go] = useState<State>("asking");
  const [entered, enter] = useState("");
  const [refused, set_refused] = useState(false);
  const send = async (method: string, path: string, body: unknown, wait_ms = patience_ms): Promise<Answer | null> => {
    if (state === "login") login = entered;
    go("working");
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (login) headers["Authorization"] = login;
    try {
      const answer = await ask(path, { method, headers, body: body === null ? undefined : JSON.stringify(body) }, wait_ms);
      const text = await answer.text();
      if (answer.status === 401) {
        set_refused(login !== "");
        login = "";
        go("login");
        return null;
      }
      go(answer.status < 300 ? "done" : "failed");
      return { status: answer.status, text, headers: answer.headers };
    } catch (error) {
      go("failed");
      return { status: 0, text: `${words.no_word}: ${error instanceof Error ? error.message : String(error)}`, headers: new Headers() };
    }
  };
  const form = state === "login" && <Login words={words} refused={refused} set={enter} />;
  return { state, go, send, form };
}

// The dialog itself is closed, so that the focus goes back to where it was.
export const shut = (event: any) => event.currentTarget.closest("dialog").close();

export function Dialog({ title, wide, close, submit, children }: { title: string; wide?: boolean; close: () => void; submit: () => void; children?: Child }) {
  const dialog = useRef<HTMLDialogElement | null>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []); // before the page is painted: nobody sees or reaches a dialog that is still closed
  const act = (event: Event) => {
    event.preventDefault();
    submit();
  };
  return (
    <dialog ref={dialog} class={wide ? "wide" : ""} aria-labelledby="question" onClose={close}>
      <form onSubmit={act}>
        <h2 id="question">{title}</h2>
        {children}
      </form>
    </dialog>
  );
}

export function List({ title, kind, items, words }: { title: string; kind: string; items: string[]; words: Words }) {
  if (items.length === 0) return null;
  return (
    <div class={kind}>
      <strong>{title}</strong>
      <ul>{items.map((item) => <li key={item}><Said text={item} words={words} /></li>)}</ul>
    </div>
  );
}

// What the members tell while the request is under way.
function Progress({ events, before, words }: { events: Entry[]; before: ReadonlySet<string>; words: Words }) {
  const news = events.filter((event) => !before.has(event.key)).slice(-shown_news);
  if (news.length === 0) return null;
  return (
    <ol class="progress" aria-live="polite" aria-label={words.progress}>
      {news.map((event) => (
        <li key={event.key}><time dateTime={event.time}>{time_of(event.at, true)}</time> <span class="name">{event.member}</span> <Said text={event.text} words={words} /></li>
      ))}
    </ol>
  );
}

interface Asked {
  deed: Deed;
  words: Words;
  events: Entry[];
  close: () => void;
  done: () => void;
}

function Learned({ learn, words }: { learn: (stop: AbortSignal) => Promise<string[]>; words: Words }) {
  const [told, tell] = useState<string[] | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    void learn(stop.signal).then((found) => stop.signal.aborted || tell(found));
    return () => stop.abort();
  }, []);
  return <div aria-live="polite">{(told ?? [words.counting]).map((sentence) => <p key={sentence} class={told ? "" : "quiet"}>{sentence}</p>)}</div>;
}

export function Question({ deed, words, events, close, done }: Asked) {
  const { state, send, form } = useSender(words);
  const [said, say] = useState("");
  const [moment, choose] = useState<Moment | null>(null); // null: now
  const before = useRef<ReadonlySet<string>>(new Set());
  const over = state === "done" || state === "failed";
  const act = async () => {
    if (over) return;
    before.current = new Set(events.map((event) => event.key));
    const answer = await send(deed.method, deed.path, moment && deed.later ? { ...deed.body, [deed.later]: moment.iso } : deed.body);
    if (!answer) return;
    say(plain(answer.text));
    done();
  };
  return (
    <Dialog title={deed.title} close={close} submit={act}>
      {!over && deed.happens.map((sentence) => <p key={sentence}>{sentence}</p>)}
      {!over && deed.learn && <Learned learn={deed.learn} words={words} />}
      {!over && <List title={words.noticed} kind="effects" items={deed.noticed} words={words} />}
      {!over && deed.last && <p class="last">{deed.last}</p>}
      {!over && <List title={words.against} kind="notice" items={deed.doubts} words={words} />}
      {!over && deed.later && <When words={words} choose={choose} />}
      {form}
      {(state === "working" || over) && !moment && <Progress events={events} before={before.current} words={words} />}
      <p role="status" class={`answer ${state}`}>{state === "working" ? words.working : over ? said ? <Said text={said} words={words} /> : words.done : ""}</p>
      <div class="buttons">
        <button type="button" onClick={shut}>{over || state === "working" ? words.close : words.cancel}</button>
        {!over && <button type="submit" class="act" disabled={state === "working" || moment?.iso === ""}>{deed.title}</button>}
      </div>
    </Dialog>
  );
}
