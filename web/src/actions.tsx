// The changes that the page can make, by the requests of the REST API. Before each one it asks a question that says
// what will happen. If the daemon requires a password, the page asks for it and keeps it only in its own memory.
import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Node, Picture, closed_gates } from "./model";
import { ask } from "./told";
import { Words, bytes_of } from "./words";

export interface Deed {
  title: string;
  happens: string[]; // what the action will do, one sentence each
  doubts: string[]; // what speaks against the action
  method: "POST" | "PATCH";
  path: string;
  body: object;
}

const patience_ms = 120_000; // the answer to a restart comes when the server runs again

let login = ""; // the header Authorization; empty: no password was asked for yet

function login_of(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
}

async function perform(deed: Deed): Promise<{ status: number; text: string }> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (login) headers["Authorization"] = login;
  const answer = await ask(deed.path, { method: deed.method, headers, body: JSON.stringify(deed.body) }, patience_ms);
  return { status: answer.status, text: await answer.text() };
}

// The text of an answer. Error pages are HTML, and only their sentence is shown.
function plain(text: string): string {
  const message = /<p>Message: (.*?)<\/p>/.exec(text);
  return (message?.[1] ?? text).trim().slice(0, 2000);
}

function Login({ words, refused, set }: { words: Words; refused: boolean; set: (login: string) => void }) {
  const [user, set_user] = useState("");
  const [password, set_password] = useState("");
  const change = (u: string, p: string) => (set_user(u), set_password(p), set(login_of(u, p)));
  return (
    <fieldset>
      <legend>{refused ? words.wrong_password : words.wants_password}</legend>
      <label>{words.user} <input autoComplete="off" spellcheck={false} value={user} onInput={(e: any) => change(e.currentTarget.value, password)} /></label>
      <label>{words.password} <input type="password" autoComplete="off" value={password} onInput={(e: any) => change(user, e.currentTarget.value)} /></label>
      <small>{words.password_kept}</small>
    </fieldset>
  );
}

type State = "asking" | "login" | "working" | "done" | "failed";

export function Question({ deed, words, close, done }: { deed: Deed; words: Words; close: () => void; done: () => void }) {
  const dialog = useRef<HTMLDialogElement | null>(null);
  const [state, go] = useState<State>("asking");
  const [said, say] = useState("");
  const [entered, enter] = useState("");
  const [refused, set_refused] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const act = async (event: Event) => {
    event.preventDefault();
    if (state === "login") login = entered;
    go("working");
    try {
      const { status, text } = await perform(deed);
      if (status === 401) {
        set_refused(login !== "");
        login = "";
        go("login");
        return;
      }
      say(plain(text));
      go(status < 300 ? "done" : "failed");
    } catch (error) {
      say(`${words.no_word}: ${error instanceof Error ? error.message : String(error)}`);
      go("failed");
    }
    done();
  };
  const over = state === "done" || state === "failed";
  return (
    <dialog ref={dialog} aria-labelledby="question" onClose={close}>
      <form onSubmit={act}>
        <h2 id="question">{deed.title}</h2>
        {!over && deed.happens.map((sentence) => <p key={sentence}>{sentence}</p>)}
        {!over && deed.doubts.length > 0 && <ul class="notice">{deed.doubts.map((doubt) => <li key={doubt}>{doubt}</li>)}</ul>}
        {state === "login" && <Login words={words} refused={refused} set={enter} />}
        <p role="status" class={`answer ${state}`}>{state === "working" ? words.working : over ? said || words.done : ""}</p>
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>{over || state === "working" ? words.close : words.cancel}</button>
          {!over && <button type="submit" class="act" disabled={state === "working"}>{deed.title}</button>}
        </div>
      </form>
    </dialog>
  );
}

export function switchover_to(node: Node, leader: string, words: Words): Deed {
  const doubts = node.explain ? closed_gates(node.explain).map((gate) => gate.reason ?? gate.gate) : [node.silent ? words.no_answer : words.may_unknown];
  const lag = node.key?.receive_lag ?? node.key?.lag;
  if (!leader) {
    return {
      title: words.failover_to(node.name), happens: [words.failover_happens(node.name)], doubts,
      method: "POST", path: "failover", body: { candidate: node.name },
    };
  }
  if (typeof lag !== "number" || lag > 0) doubts.push(words.is_behind(node.name, bytes_of(lag, words.unknown)));
  return {
    title: words.switchover_to(node.name), happens: [words.switchover_happens(leader, node.name)], doubts,
    method: "POST", path: "switchover", body: { leader, candidate: node.name },
  };
}

export function pause(paused: boolean, words: Words): Deed {
  return {
    title: paused ? words.resume : words.pause, happens: [paused ? words.resume_happens : words.pause_happens], doubts: [],
    method: "PATCH", path: "config", body: { pause: paused ? null : true },
  };
}

function own_deeds(node: Node, words: Words): Deed[] {
  const restart: Deed = {
    title: words.restart(node.name), happens: [node.leads ? words.restart_leader_happens(node.name) : words.restart_happens(node.name)],
    doubts: [], method: "POST", path: "restart", body: {},
  };
  const reload: Deed = { title: words.reload(node.name), happens: [words.reload_happens(node.name)], doubts: [], method: "POST", path: "reload", body: {} };
  const reinit: Deed = {
    title: words.reinit(node.name), happens: [words.reinit_happens(node.name)], doubts: [], method: "POST", path: "reinitialize", body: {},
  };
  return node.leads ? [restart, reload] : [restart, reload, reinit];
}

// The buttons for the actions. The page's own daemon can move the leader to any member; all other actions concern only
// its own member.
export function Deeds({ node, picture, self, words, choose }: { node: Node; picture: Picture; self: string; words: Words; choose: (deed: Deed) => void }) {
  if (!node.key) return null;
  const deeds = [...(node.leads ? [] : [switchover_to(node, picture.leader, words)]), ...(node.name === self ? own_deeds(node, words) : [])];
  if (deeds.length === 0) return null;
  return (
    <div class="deeds" role="group" aria-label={node.name}>
      {deeds.map((deed) => <button key={deed.path} type="button" onClick={() => choose(deed)}>{deed.title} …</button>)}
    </div>
  );
}
