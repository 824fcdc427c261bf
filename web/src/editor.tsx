// The configuration of the cluster: edited as text, checked by the daemon, shown as a difference, and then sent.
import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Dialog, List, plain, shut, useSender } from "./dialog";
import { DiffLine, Json, bare_lines_of, diff, lines_of, patch_of } from "./diff";
import { read } from "./told";
import { Words } from "./words";

// The answer of POST /tamada/check-config.
interface Verdict {
  before: Json;
  after: Json;
  errors: string[];
  warnings: string[];
  effects: string[];
}

function read_text(text: string): Json | string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : "{…}?";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function Difference({ lines, words }: { lines: DiffLine[]; words: Words }) {
  const kinds = { "-": "removed", "+": "added", " ": "same" };
  const spoken = { "-": words.removed, "+": words.added, " ": "" };
  return (
    <ol class="diff" aria-label={words.difference} tabIndex={0}>
      {lines.map((line, i) => (
        <li key={i} class={kinds[line.mark]}>
          <span class="mark" role="img" aria-label={spoken[line.mark]} aria-hidden={line.mark === " "}>{line.mark}</span>
          <code>{line.text}</code>
        </li>
      ))}
    </ol>
  );
}

export function Editor({ words, close }: { words: Words; close: () => void }) {
  const { state, go, send, form } = useSender(words);
  const [before, set_before] = useState<Json | null>(null);
  const [text, set_text] = useState("");
  const [verdict, judge] = useState<Verdict | null>(null);
  const [wrong, complain] = useState("");
  const [said, say] = useState("");
  const [sent, set_sent] = useState(false);
  useEffect(() => {
    read<Json>("config", 5000).then((config) => (set_before(config), set_text(lines_of(config).join("\n"))), (error) => complain(String(error)));
  }, []);
  const edited = read_text(text);
  const patch = before && typeof edited !== "string" ? patch_of(before, edited) : null;

  const check = async () => {
    complain("");
    if (typeof edited === "string") return complain(`${words.no_json}: ${edited}`);
    if (!patch || Object.keys(patch).length === 0) return complain(words.not_changed);
    const answer = await send("POST", "tamada/check-config", patch);
    if (!answer) return;
    go("asking");
    if (answer.status === 200) judge(JSON.parse(answer.text) as Verdict);
    else complain(plain(answer.text));
  };
  const apply = async () => {
    const answer = await send("PATCH", "config", patch);
    if (!answer) return;
    const pending = answer.headers.get("Tamada-Pending-Restart");
    say(answer.status !== 200 ? plain(answer.text) : pending ? `${words.done} ${words.waiting_for_restart(pending)}` : words.done);
    set_sent(true);
  };
  const refused = verdict !== null && verdict.errors.length > 0;
  return (
    <Dialog title={words.configuration} wide={true} close={close} submit={() => (sent || refused ? undefined : verdict ? apply() : check())}>
      {!verdict && before && (
        <label class="editor">
          {words.configuration_text}
          <textarea rows={18} spellcheck={false} value={text} onInput={(event: any) => set_text(event.currentTarget.value)} />
        </label>
      )}
      {!before && !wrong && <p class="quiet">{words.loading}</p>}
      {wrong && <p class="trouble" role="alert">{wrong}</p>}
      {verdict && !sent && <p>{refused ? words.would_be_refused : words.this_is_sent}</p>}
      {verdict && <Difference lines={diff(bare_lines_of(verdict.before), bare_lines_of(verdict.after))} words={words} />}
      {verdict && <List title={words.mistakes} kind="trouble" items={verdict.errors} words={words} />}
      {verdict && <List title={words.doubtful} kind="notice" items={verdict.warnings} words={words} />}
      {verdict && <List title={words.effects} kind="effects" items={verdict.effects} words={words} />}
      {form}
      <p role="status" class={`answer ${state}`}>{state === "working" ? words.working : said}</p>
      <div class="buttons">
        <button type="button" onClick={shut}>{sent ? words.close : words.cancel}</button>
        {verdict && !sent && <button type="button" disabled={state === "working"} onClick={() => (judge(null), go("asking"))}>{words.edit_again}</button>}
        {!sent && !refused && before && <button type="submit" class="act" disabled={state === "working"}>{verdict ? words.apply : words.check}</button>}
      </div>
    </Dialog>
  );
}
