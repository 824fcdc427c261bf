// What is wrong with the cluster as a whole, by what the members tell. Their own problems are not repeated here.
import { Picture } from "./model";
import { Known } from "./watch";
import { Words, bytes_of } from "./words";

const clock_apart_ms = 4_000; // the members are asked within 2 s

const is_on = (value: unknown) => value === true || ["on", "true", "yes", "1", "quorum"].includes(String(value).toLowerCase());

function of_intervals({ config }: Known, words: Words): string[] {
  const ttl = Number(config.ttl ?? 30);
  const least = Number(config.loop_wait ?? 10) + 2 * Number(config.retry_timeout ?? 10);
  return least > ttl ? [words.ttl_too_short(ttl, least)] : [];
}

function of_standbys({ config }: Known, picture: Picture, words: Words): string[] {
  const limit = Number(config.maximum_lag_on_failover ?? 1048576);
  const timeline = picture.nodes.find((node) => node.leads)?.key?.timeline;
  return picture.nodes.filter((node) => picture.leader && node.key && !node.leads).flatMap(({ name, key }) => {
    const lag = key?.lag;
    if (typeof lag === "number" && lag > limit) return [words.too_far_behind(name, bytes_of(lag, ""), bytes_of(limit, ""))];
    if (timeline && key?.timeline && key.timeline !== timeline) return [words.other_timeline(name, key.timeline, timeline)];
    return [];
  });
}

function of_clocks({ members, self }: Known, words: Words): string[] {
  const here = Date.parse(members?.time ?? "");
  return (members?.members ?? []).flatMap(({ name, explain }) => {
    const ahead = Date.parse(explain?.time ?? "") - here;
    return Math.abs(ahead) > clock_apart_ms ? [words.clock_differs(name, self, (ahead / 1000).toFixed(0))] : [];
  });
}

export function findings(known: Known, picture: Picture, words: Words): string[] {
  const found: string[] = [];
  const primaries = picture.nodes.filter((node) => node.explain?.role === "primary" && node.explain.state === "running").map((node) => node.name);
  if (primaries.length > 1) found.push(words.several_primaries(primaries.join(", ")));
  const wants_sync = is_on(known.config.synchronous_mode) && !known.config.standby_cluster;
  if (wants_sync && picture.leader && !picture.nodes.some((node) => node.synchronous)) found.push(words.nobody_synchronous);
  return [...found, ...of_standbys(known, picture, words), ...of_intervals(known, words), ...of_clocks(known, words)];
}
