// What is wrong with the cluster: at once by what the members tell, and by what the daemon's doctor finds every few seconds.
import { translated } from "./found";
import { Node, Picture } from "./model";
import { Known } from "./watch";
import { Words, bytes_of, moment_of } from "./words";

export interface Finding {
  check: string; // the doctor's name for what was checked
  about: string; // the words by which the doctor's finding about the same can be recognized; empty: any of this check
  text: string;
  original?: string; // what the daemon tells in English, if `text` says it in another language
  next: string; // what to do, in the words of tamadactl; empty: not known
  next_original?: string;
}

const clock_apart_ms = 4_000; // the members are asked within 2 s

export const is_on = (value: unknown) => value === true || ["on", "true", "yes", "1", "quorum"].includes(String(value).toLowerCase());
const unless_same = (original: string | undefined, text: string | undefined) => (original === text ? undefined : original);
const finding = (check: string, text: string, about = ""): Finding => ({ check, about, text, next: "" });

function of_intervals({ config }: Known, words: Words): Finding[] {
  const ttl = Number(config.ttl ?? 30);
  const least = Number(config.loop_wait ?? 10) + 2 * Number(config.retry_timeout ?? 10);
  return least > ttl ? [finding("ttl", words.ttl_too_short(ttl, least))] : [];
}

function of_standbys({ config }: Known, picture: Picture, words: Words): Finding[] {
  const limit = Number(config.maximum_lag_on_failover ?? 1048576);
  const timeline = picture.nodes.find((node) => node.leads)?.key?.timeline;
  return picture.nodes.filter((node) => picture.leader && node.key && !node.leads).flatMap(({ name, key }) => {
    const lag = key?.lag;
    if (typeof lag === "number" && lag > limit) return [finding("replication", words.too_far_behind(name, bytes_of(lag, ""), bytes_of(limit, "")), `${name} `)];
    if (timeline && key?.timeline && key.timeline !== timeline) return [finding("replication", words.other_timeline(name, key.timeline, timeline), `${name} `)];
    return [];
  });
}

function of_clocks({ members, self }: Known, words: Words): Finding[] {
  const here = Date.parse(members?.time ?? "");
  return (members?.members ?? []).flatMap(({ name, explain }) => {
    const ahead = Date.parse(explain?.time ?? "") - here;
    return Math.abs(ahead) > clock_apart_ms ? [finding("clocks", words.clock_differs(name, self, (ahead / 1000).toFixed(0)))] : [];
  });
}

function of_member({ name, key, explain, silent, missing_since, leads, connected }: Node, picture: Picture, words: Words): Finding[] {
  const said = (check: string, text: string, about: string) => finding(check, `${name}: ${text}`, about);
  if (missing_since) return [said("members", words.missing(moment_of(missing_since)), `${name} `)];
  const found: Finding[] = [];
  if (!leads && !connected && picture.leader) found.push(said("replication", words.not_streaming, `${name} `));
  if (silent) found.push(said("members", words.no_answer, `${name} `));
  const problems = (explain?.problems ?? []).map((problem) => problem.text);
  if (problems.length === 0 && key?.trouble) problems.push(key.trouble);
  found.push(...problems.map((text) => ({ ...said("problems", words.said(text), text), original: unless_same(text, words.said(text)) })));
  if (key?.pending_restart) found.push(said("restarts", words.restart_pending, `${name} `));
  return found;
}

function of_cluster(known: Known, picture: Picture, words: Words): Finding[] {
  const found: Finding[] = [];
  const primaries = picture.nodes.filter((node) => node.explain?.role === "primary" && node.explain.state === "running").map((node) => node.name);
  if (primaries.length > 1) found.push(finding("primary", words.several_primaries(primaries.join(", "))));
  const wants_sync = is_on(known.config.synchronous_mode) && !known.config.standby_cluster;
  if (wants_sync && picture.leader && !picture.nodes.some((node) => node.synchronous)) found.push(finding("synchronous", words.nobody_synchronous));
  return [...found, ...of_standbys(known, picture, words), ...of_intervals(known, words), ...of_clocks(known, words)];
}

// The page shows these itself, and sooner than the doctor: of the latter's findings only what to do is of use.
const shown_anyhow = new Set(["members", "failover", "problems", "pause", "synchronous", "restarts", "replication"]);

export function findings(known: Known, picture: Picture, words: Words): Finding[] {
  const own = [...of_cluster(known, picture, words), ...picture.nodes.flatMap((node) => of_member(node, picture, words))];
  const wrong = (known.doctor?.findings ?? []).filter((one) => one.grade !== "ok");
  const checked = new Set(own.map((one) => one.check));
  for (const one of own) {
    const same = wrong.find((other) => other.check === one.check && other.text.includes(one.about));
    one.next = (same && translated(same, words.findings, words.said).next) ?? "";
    one.next_original = unless_same(same?.next, one.next);
  }
  const is_new = (one: { check: string; text: string }) => !shown_anyhow.has(one.check) && !checked.has(one.check) && !own.some(({ text }) => text.includes(one.text));
  const more = wrong.filter((one) => is_new(one) && (picture.leader || one.check !== "primary"));
  const told = more.map((one) => ({ ...translated(one, words.findings, words.said), english: one.text, english_next: one.next }));
  return [...own, ...told.map(({ check, text, english, next, english_next }) => ({
    check, about: "", text, original: unless_same(english, text), next: next ?? "", next_original: unless_same(english_next, next),
  }))];
}
