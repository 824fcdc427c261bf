// What has happened: changes of the leader with their phases, and the events of all members that answer.
import { h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { Handover, handovers } from "./model";
import { Said } from "./said";
import { Entry } from "./watch";
import { Words, moment_of, span_of, time_of } from "./words";

const shown_changes = 8;
const shown_events = 100;
const same_news_ms = 5_000;

function Bar({ change, words }: { change: Handover; words: Words }) {
  const all = change.phases.reduce((sum, phase) => sum + phase.ms, 0) || 1;
  let x = 0;
  const told = change.phases.map((phase) => `${words.phase[phase.name] ?? phase.name} ${span_of(phase.ms)}`);
  return (
    <div class="phases">
      <svg class="bar" role="img" aria-label={told.join(", ")}>
        {change.phases.map((phase, i) => {
          const width = (100 * phase.ms) / all;
          const at = x;
          x += width;
          return <rect key={i} class={`phase-${phase.name}`} x={`${at}%`} y="0" width={`${Math.max(width, 0.4)}%`} height="100%" />;
        })}
      </svg>
      <ul class="legend" aria-hidden="true">
        {change.phases.map((phase, i) => (
          <li key={i}>
            <svg class={`dot phase-${phase.name}`} viewBox="0 0 8 8"><rect width="8" height="8" rx="2" /></svg>
            {told[i]}
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Changes({ events, words, now }: { events: Entry[]; words: Words; now: number }) {
  const all = useMemo(() => handovers(events, now), [events, Math.floor(now / 10_000)]);
  if (all.length === 0) return <p class="quiet">{words.changes_none}</p>;
  return (
    <ol class="changes">
      {all.slice(0, shown_changes).map((change) => (
        <li key={change.key} class={change.state}>
          <div class="head">
            <time dateTime={new Date(change.at).toISOString()}>{moment_of(new Date(change.at).toISOString())}</time>
            <strong>{words.kind[change.kind] ?? change.kind}</strong>
            <span>{words.change(change.from, change.to)}</span>
            {change.state !== "done" && <em>{change.state === "failed" ? words.failed : words.running}</em>}
            <span class="quiet">
              {change.outage_ms !== null && `${words.outage(span_of(change.outage_ms))}, `}
              {words.in_all(span_of(change.ms))}, {words.by(change.told_by)}
            </span>
          </div>
          {change.reason && <p class="reason"><Said text={change.reason} words={words} /></p>}
          {change.phases.length > 0 && <Bar change={change} words={words} />}
        </li>
      ))}
    </ol>
  );
}

const kinds = ["decision", "role", "state", "timeline", "leader", "pause", "member", "job", "handover"];

// Makes one line of an event that several members report, with the names of these members and the earliest time.
function merged(events: Entry[]): (Entry & { tellers: string[] })[] {
  const lines: (Entry & { tellers: string[] })[] = [];
  const last = new Map<string, Entry & { tellers: string[] }>();
  for (const event of events) {
    const same = last.get(event.text);
    const common = event.type === "leader" || event.type === "member" || event.type === "pause";
    if (common && same && event.at - same.at < same_news_ms && !same.tellers.includes(event.member)) {
      same.tellers.push(event.member);
      continue;
    }
    const line = { ...event, tellers: [event.member] };
    if (common) last.set(event.text, line);
    lines.push(line);
  }
  return lines;
}

export function Timeline({ events, words, now }: { events: Entry[]; words: Words; now: number }) {
  const [minutes, set_minutes] = useState(10);
  const [member, set_member] = useState("");
  const [off, set_off] = useState<ReadonlySet<string>>(new Set());
  const [search, set_search] = useState("");
  const members = [...new Set(events.map((event) => event.member))].sort();
  const wanted = search.toLowerCase();
  const since = minutes > 0 ? now - minutes * 60_000 : 0;
  const holds = (event: Entry) => !wanted || `${event.text} ${words.said(event.text)} ${event.rule ?? ""}`.toLowerCase().includes(wanted);
  const chosen = merged(events.filter((event) => event.at >= since && !off.has(event.type) && (!member || event.member === member) && holds(event)));
  const shown = chosen.slice(-shown_events).reverse();
  const toggle = (kind: string) => {
    const next = new Set(off);
    if (!next.delete(kind)) next.add(kind);
    set_off(next);
  };
  return (
    <div>
      <form class="filters" onSubmit={(event: Event) => event.preventDefault()}>
        <label>
          {words.last}{" "}
          <select value={String(minutes)} onChange={(event: any) => set_minutes(Number(event.currentTarget.value))}>
            <option value="10">{words.ten_minutes}</option>
            <option value="60">{words.hour}</option>
            <option value="0">{words.everything}</option>
          </select>
        </label>
        <label>
          {words.of_member}{" "}
          <select value={member} onChange={(event: any) => set_member(event.currentTarget.value)}>
            <option value="">{words.all_members}</option>
            {members.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
        <label>
          {words.search} <input type="search" value={search} onInput={(event: any) => set_search(event.currentTarget.value)} />
        </label>
        <div class="kinds" role="group" aria-label={words.kinds}>
          {kinds.map((kind) => (
            <button key={kind} type="button" aria-pressed={off.has(kind) ? "false" : "true"} onClick={() => toggle(kind)}>{words.type[kind] ?? kind}</button>
          ))}
        </div>
      </form>
      {shown.length === 0 && <p class="quiet">{words.none}</p>}
      <ol class="events">
        {shown.map((event) => (
          <li key={event.key} class={`type-${event.type} ${event.severity ?? ""}`}>
            <time dateTime={event.time} title={event.time}>{time_of(event.at, true)}</time>
            <span class="of">{event.tellers.sort().join(", ")}</span>
            <span class="what">
              <Said text={event.text} words={words} />
              {event.rule && <small>{words.rule} <code>{event.rule}</code></small>}
            </span>
          </li>
        ))}
      </ol>
      {chosen.length > shown.length && <p class="quiet">{words.more(chosen.length - shown.length)}</p>}
    </div>
  );
}
