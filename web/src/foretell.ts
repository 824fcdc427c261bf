// What clients will notice of an action, and how long the action took last time, by what the members tell.
import { is_on } from "./findings";
import { Handover, Node, Picture, last_copy, last_restart, handovers } from "./model";
import { Known } from "./watch";
import { Words, moment_of, span_of } from "./words";

const names_of = (nodes: Node[]) => nodes.map((node) => node.name).join(", ");
const follows = (node: Node, of: string) => node.key !== null && node.upstream === of;
const said = (text: string, holds: unknown) => (holds ? [text] : []);
const takes_writes = ({ config }: Known) => !config.standby_cluster;

function time_taken(what: (took: string, at: string) => string, ms: number, at: number, words: Words): string {
  return what(span_of(ms), moment_of(new Date(at).toISOString(), words.today));
}

// Empty if no change of this kind is known.
export function last_change(kind: "switchover" | "failover", events: Known["events"], words: Words): string {
  const last = handovers(events, Date.now()).find((change: Handover) => change.kind === kind && change.state === "done");
  if (!last) return "";
  const ends = last.at + last.ms;
  if (last.outage_ms === null) return time_taken(words.last_took[kind], last.ms, ends, words);
  return time_taken(words.last_outage[kind], last.outage_ms, ends, words);
}

export function of_switchover(node: Node, known: Known, picture: Picture, words: Words): string[] {
  const others = names_of(picture.nodes.filter((other) => other !== node && follows(other, picture.leader)));
  return [
    ...said(words.writes_move(picture.leader, node.name), takes_writes(known)), words.connections_end(picture.leader), words.follows_then(picture.leader, node.name),
    ...said(words.follow_then(others, node.name), others),
  ];
}

export function of_failover(node: Node, known: Known, picture: Picture, words: Words): string[] {
  const others = names_of(picture.nodes.filter((other) => other !== node && other.key));
  return [...said(words.writes_begin(node.name), takes_writes(known)), ...said(words.follow_then(others, node.name), others)];
}

// Who is synchronous while this standby is away.
function synchronous_meanwhile(node: Node, picture: Picture, config: Known["config"], words: Words): string[] {
  if (!node.synchronous) return [];
  const others = picture.nodes.filter((other) => other !== node && !other.leads && other.key);
  const already = names_of(others.filter((other) => other.synchronous));
  if (already) return [words.stay_synchronous(already, node.name)];
  const next = names_of(others.filter((other) => other.connected && !is_on(other.key?.tags?.["nosync"])));
  if (next) return [words.becomes_synchronous(next, node.name)];
  return [is_on(config.synchronous_mode_strict) ? words.commits_wait(node.name) : words.commits_do_not_wait(node.name)];
}

export function of_restart(node: Node, known: Known, picture: Picture, words: Words): string[] {
  const fed = names_of(picture.nodes.filter((other) => follows(other, node.name)));
  return [
    words.connections_end(node.name),
    ...said(node.leads ? words.writes_stop(node.name) : words.writes_go_on(picture.leader), takes_writes(known) && picture.leader),
    ...said(words.fed_wait(fed, node.name), fed), ...synchronous_meanwhile(node, picture, known.config, words),
  ];
}

export function last_restart_of(node: Node, events: Known["events"], words: Words): string {
  const last = last_restart(events, node.name);
  return last ? time_taken((took, at) => words.last_restart(node.name, took, at), last.ms, last.at, words) : "";
}

// A member with the tag clonefrom is copied from, if there is one, and otherwise the leader.
export function sources_of(node: Node, picture: Picture): Node[] {
  const tagged = picture.nodes.filter((other) => other !== node && !other.leads && is_on(other.key?.tags?.["clonefrom"]) && !other.silent);
  return tagged.length > 0 ? tagged : picture.nodes.filter((other) => other.leads);
}

export function of_reinit(node: Node, known: Known, picture: Picture, words: Words): string[] {
  const sources = sources_of(node, picture);
  const source = names_of(sources);
  return [
    ...said(sources.length > 1 ? words.copied_from_one_of(source) : words.copied_from(source), source), words.connections_end(node.name),
    ...synchronous_meanwhile(node, picture, known.config, words), words.cannot_take_over(node.name),
  ];
}

export function last_copy_of(node: Node, events: Known["events"], words: Words): string {
  const last = last_copy(events, node.name);
  return last ? time_taken((took, at) => words.last_copy(last.member, took, at), last.ms, last.at, words) : "";
}
