// The changes that the page can make, by the requests of the REST API.
import { h } from "preact";
import { Deed } from "./dialog";
import { last_change, last_copy_of, last_restart_of, of_failover, of_reinit, of_restart, of_switchover, sources_of } from "./foretell";
import { Node, Picture, closed_gates } from "./model";
import { sizes_of_copy } from "./size";
import { Known } from "./watch";
import { Words, bytes_of } from "./words";

export function switchover_to(node: Node, known: Known, picture: Picture, words: Words): Deed {
  const leader = picture.leader;
  const doubts = node.explain ? closed_gates(node.explain).map((gate) => gate.reason ?? gate.gate) : [node.silent ? words.no_answer : words.may_unknown];
  const lag = node.key?.receive_lag ?? node.key?.lag;
  if (!leader) {
    return {
      title: words.failover_to(node.name), happens: [words.failover_happens(node.name)], noticed: of_failover(node, known, picture, words),
      last: last_change("failover", known.events, words), doubts,
      method: "POST", path: "failover", body: { candidate: node.name },
    };
  }
  if (typeof lag !== "number" || lag > 0) doubts.push(words.is_behind(node.name, bytes_of(lag, words.unknown)));
  return {
    title: words.switchover_to(node.name), happens: [words.switchover_happens(leader, node.name)], noticed: of_switchover(node, known, picture, words),
    last: last_change("switchover", known.events, words), doubts,
    method: "POST", path: "switchover", body: { leader, candidate: node.name }, later: "scheduled_at",
  };
}

export function pause(paused: boolean, words: Words): Deed {
  return {
    title: paused ? words.resume : words.pause, happens: [paused ? words.resume_happens : words.pause_happens],
    noticed: paused ? [] : [words.nothing_interrupted], last: "", doubts: [],
    method: "PATCH", path: "config", body: { pause: paused ? null : true },
  };
}

export function no_switchover(words: Words): Deed {
  return {
    title: words.no_switchover, happens: [words.no_switchover_happens], noticed: [], last: "", doubts: [],
    method: "DELETE", path: "switchover", body: null,
  };
}

// The page's own daemon passes requests for another member on to that member.
function deeds_of(node: Node, known: Known, picture: Picture, words: Words): Deed[] {
  const path = (plain: string) => (node.name === known.self ? plain : `tamada/${plain}?member=${encodeURIComponent(node.name)}`);
  const doubts = node.silent ? [words.is_silent(node.name)] : [];
  const restart: Deed = {
    title: words.restart(node.name), happens: [node.leads ? words.restart_leader_happens(node.name) : words.restart_happens(node.name)],
    noticed: of_restart(node, known, picture, words), last: last_restart_of(node, known.events, words),
    doubts, method: "POST", path: path("restart"), body: {}, later: "schedule",
  };
  const no_restart: Deed = {
    title: words.no_restart(node.name), happens: [words.no_restart_happens(node.name)], noticed: [], last: "",
    doubts, method: "DELETE", path: path("restart"), body: null,
  };
  const reload: Deed = {
    title: words.reload(node.name), happens: [words.reload_happens(node.name)], noticed: [words.nothing_interrupted], last: "",
    doubts, method: "POST", path: path("reload"), body: {},
  };
  const reinit: Deed = {
    title: words.reinit(node.name), happens: [words.reinit_happens(node.name)], noticed: of_reinit(node, known, picture, words),
    learn: (stop) => sizes_of_copy(node.name, sources_of(node, picture)[0]?.name ?? "", known.self, words, stop),
    last: last_copy_of(node, known.events, words), doubts, method: "POST", path: path("reinitialize"), body: {},
  };
  return [restart, ...(node.key?.scheduled_restart ? [no_restart] : []), reload, ...(node.leads ? [] : [reinit])];
}

interface Choice {
  node: Node;
  known: Known;
  picture: Picture;
  words: Words;
  choose: (deed: Deed) => void;
}

export function Deeds({ node, known, picture, words, choose }: Choice) {
  if (!node.key) return null;
  const deeds = [...(node.leads ? [] : [switchover_to(node, known, picture, words)]), ...deeds_of(node, known, picture, words)];
  return (
    <div class="deeds" role="group" aria-label={node.name}>
      {deeds.map((deed) => <button key={deed.title} type="button" onClick={() => choose(deed)}>{deed.title} …</button>)}
    </div>
  );
}
