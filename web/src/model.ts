// Conclusions from what the members tell, without requests and without the page.
import { Cluster, ClusterMember, Explanation, Gate } from "./told";
import { Entry, Known } from "./watch";

export interface Node {
  name: string;
  key: ClusterMember | null; // its key in etcd; null: it has no key any more
  explain: Explanation | null;
  error: string; // why there is no explanation; empty when there is one
  silent: boolean; // the member does not answer
  missing_since: string;
  leads: boolean;
  upstream: string; // the member from which it receives WAL, or should; empty: none
  connected: boolean; // it receives WAL from that member now
  synchronous: string; // how it is synchronous, in Patroni's words; empty: it is not
}

export interface Picture {
  leader: string; // empty: there is no leader
  nodes: Node[];
}

const is_leader = (member: ClusterMember) => member.role === "leader" || member.role === "standby_leader";

export function picture_of(known: Known): Picture {
  const cluster: Cluster = known.cluster ?? { members: [] };
  const told = new Map((known.members?.members ?? []).map((member) => [member.name, member]));
  const leader = cluster.members.find(is_leader)?.name ?? "";
  const nodes = cluster.members.map((key): Node => {
    const answer = told.get(key.name);
    return {
      name: key.name,
      key,
      explain: answer?.explain ?? null,
      error: answer?.error ?? "",
      silent: answer !== undefined && !answer.explain && answer.answers !== true,
      missing_since: "",
      leads: key.name === leader,
      upstream: "",
      connected: false,
      synchronous: key.role === "sync_standby" || key.role === "quorum_standby" ? key.role : "",
    };
  });
  for (const gone of known.members?.missing ?? []) {
    if (nodes.some((node) => node.name === gone.name)) continue;
    nodes.push({
      name: gone.name, key: null, explain: null, error: "", silent: true, missing_since: gone.since,
      leads: false, upstream: "", connected: false, synchronous: "",
    });
  }
  for (const node of nodes) {
    const feeds = (other: Node) => (other.explain?.standbys ?? []).some((s) => s.name === node.name && s.state === "streaming");
    const source = nodes.find((other) => other.name !== node.name && feeds(other));
    const wanted = node.key?.tags?.["replicatefrom"];
    const named = typeof wanted === "string" && nodes.some((other) => other.name === wanted && other.name !== node.name) ? wanted : leader;
    if (!node.leads) node.upstream = source?.name ?? named;
    // The member that it streams from may not answer; then its own state is used.
    node.connected = !node.leads && (source !== undefined || node.key?.state === "streaming");
  }
  return { leader, nodes };
}

export interface Row {
  node: Node;
  depth: number;
  parent: number; // the index of its parent's row; -1: none
}

// Orders the members so that each is below the one from which it receives WAL.
export function rows_of(picture: Picture): Row[] {
  const rows: Row[] = [];
  const placed = new Set<string>();
  const place = (node: Node, depth: number, parent: number) => {
    if (placed.has(node.name)) return;
    placed.add(node.name);
    const row = rows.push({ node, depth, parent }) - 1;
    for (const other of picture.nodes) if (other.upstream === node.name) place(other, depth + 1, row);
  };
  for (const node of picture.nodes) if (!node.upstream) place(node, 0, -1);
  for (const node of picture.nodes) place(node, 0, -1);
  return rows;
}

export type Readiness = "leads" | "ready" | "not ready" | "not known";

// The closed gates, except the one that is closed because another member leads: a failover would open that one.
export function closed_gates(explain: Explanation): Gate[] {
  return explain.gates.filter((gate) => !gate.open && gate.gate !== "leader_key");
}

export function readiness(node: Node): Readiness {
  if (node.leads) return "leads";
  if (!node.explain) return "not known";
  return closed_gates(node.explain).length === 0 ? "ready" : "not ready";
}

export interface Handover {
  key: string;
  kind: string;
  told_by: string;
  state: "running" | "done" | "failed";
  from: string;
  to: string;
  at: number;
  ms: number;
  outage_ms: number | null;
  reason: string;
  phases: { name: string; ms: number }[];
}

// How long something took, and when it ended.
export interface Taken {
  member: string;
  at: number;
  ms: number;
}

// The last stop of a server after which the same member started it again in the same role, without a change of the leader.
export function last_restart(events: Entry[], member: string): Taken | null {
  let stopped: Entry | null = null;
  let found: Taken | null = null;
  for (const event of events) {
    if (event.member !== member) continue;
    if (event.type === "handover" || event.type === "role") stopped = null;
    if (event.type !== "job" || event.state === "running") continue;
    if (event.job === "start" && event.state === "succeeded" && stopped) found = { member, at: event.at, ms: event.at - stopped.at + (stopped.ms ?? 0) };
    stopped = event.job === "stop" && event.state === "succeeded" ? event : null;
  }
  return found;
}

// The last complete copy of this member's data or, if none is known, of another member's.
export function last_copy(events: Entry[], member: string): Taken | null {
  const copies = events.filter((event) => event.type === "job" && event.job === "basebackup" && event.state === "succeeded").reverse();
  const last = copies.find((event) => event.member === member) ?? copies[0];
  return last ? { member: last.member, at: last.at, ms: last.ms ?? 0 } : null;
}

const same_change_ms = 15_000;

function handovers_of(member: string, events: Entry[], now: number): Handover[] {
  const found: Handover[] = [];
  let open: Handover | null = null;
  for (const event of events) {
    if (event.type !== "handover" || event.member !== member) continue;
    const took = event.ms ?? 0;
    open ??= {
      key: event.key, kind: event.kind ?? "", told_by: member, state: "running", from: "", to: "",
      at: event.at - took, ms: 0, outage_ms: null, reason: "", phases: [],
    };
    if (event.phase !== "done" && event.phase !== "failed") {
      open.phases.push({ name: event.phase ?? "", ms: took });
      open.ms = event.at - open.at;
      continue;
    }
    found.push({
      ...open, kind: event.kind ?? open.kind, state: event.phase, from: String(event.from ?? ""), to: String(event.to ?? ""),
      at: event.at - took, ms: took, outage_ms: event.standby_cluster ? null : (event.outage_ms ?? null), reason: event.reason ?? "",
    });
    open = null;
  }
  if (open && now - open.at < 60_000) found.push(open);
  return found;
}

// Changes of the leader, the newest first. Each member reports what it has seen of a change; the report of the member
// that has seen most of it is shown.
export function handovers(events: Entry[], now: number): Handover[] {
  const members = [...new Set(events.filter((event) => event.type === "handover").map((event) => event.member))];
  const all = members.flatMap((member) => handovers_of(member, events, now));
  all.sort((a, b) => b.phases.length - a.phases.length || b.ms - a.ms);
  const chosen: Handover[] = [];
  for (const one of all) {
    const end = one.at + one.ms;
    const same = chosen.some((other) => Math.abs(other.at + other.ms - end) < same_change_ms && (other.to === one.to || !one.to || !other.to));
    if (!same) chosen.push(one);
  }
  return chosen.sort((a, b) => b.at - a.at);
}
