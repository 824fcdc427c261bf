// The types of what the daemon's REST API tells; see docs/rest.md. Every field may be absent, because the daemon may be
// of another version.

export interface ClusterMember {
  name: string;
  role: string;
  state: string;
  api_url?: string | null;
  host?: string;
  port?: number;
  timeline?: number;
  pending_restart?: boolean;
  pending_restart_reason?: Record<string, { old_value?: string; new_value?: string }>;
  scheduled_restart?: { schedule?: string };
  tags?: Record<string, unknown>;
  copy?: { what: string; bytes_done: number; bytes_total: number; bytes_per_s: number; seconds_left?: number | null };
  trouble?: string;
  lag?: number | "unknown";
  receive_lag?: number | "unknown";
  replay_lag?: number | "unknown";
  lsn?: string;
}

export interface Cluster {
  members: ClusterMember[];
  pause?: boolean;
  scheduled_switchover?: { at: string; from?: string; to?: string };
  scope?: string;
}

export interface Gate {
  gate: string;
  open: boolean;
  reason: string | null;
}

export interface Explanation {
  member: string;
  time: string;
  role: string;
  state: string;
  leader: string | null;
  pause: boolean;
  decision: { rule: string; reason: string; since: string };
  lease_seconds_left: number | null;
  job?: { job: string; step: string | null; seconds: number };
  trouble?: string;
  problems?: { kind: string; text: string }[];
  replication_state?: string | null; // "streaming", "in archive recovery"; null: it receives no WAL
  standbys?: { name: string; state: string; sync_state: string }[];
  leads: boolean;
  may_be_promoted: boolean;
  gates: Gate[];
}

export interface Members {
  member: string;
  time: string;
  members: { name: string; explain: Explanation | null; answers?: boolean; error?: string }[];
  missing: { name: string; since: string }[];
}

export interface DaemonEvent {
  id: number;
  time: string;
  type: string;
  text: string;
  rule?: string;
  severity?: string;
  from?: string | number | null;
  to?: string | number | null;
  kind?: string;
  phase?: string;
  job?: string;
  ms?: number;
  outage_ms?: number;
  standby_cluster?: boolean;
  reason?: string;
  state?: string;
}

export interface Events {
  member: string;
  last: number;
  events: DaemonEvent[];
}

// What the stream of events tells of the cluster when it changes.
export interface ClusterNews {
  member: string;
  leader: string | null;
  cluster: Cluster;
}

export interface Size {
  data_bytes: number | null; // null: not known, and `error` says why
  wal_bytes: number | null;
  replaced?: string; // what becomes of them if they are copied anew: when_copied, before, in_place
  error?: string;
}

export interface Samples {
  every_s: number;
  columns: string[];
  samples: (number | null)[][];
}

export interface AllSamples {
  time: string;
  members: { name: string; samples: Samples | null; error?: string }[];
}

export interface ClusterLine {
  namespace?: string;
  scope: string;
  leader: string | null;
  api_url: string | null;
  members: number;
  running: number;
  missing: number;
  lag: number | null;
  concerns: string[];
}

export interface Clusters {
  scope: string;
  namespace?: string; // of this daemon's cluster
  other_namespaces?: string; // why those are not told
  complete: boolean;
  clusters: ClusterLine[];
}

// What `tamadactl doctor` would find, as far as a daemon can tell.
export interface Doctor {
  findings: { check: string; grade: "ok" | "warning" | "failure"; text: string; next?: string; code?: string; values?: Record<string, string> }[];
}

export interface Config {
  ttl?: number;
  loop_wait?: number;
  retry_timeout?: number;
  maximum_lag_on_failover?: number;
  synchronous_mode?: unknown;
  synchronous_mode_strict?: unknown;
  standby_cluster?: unknown;
}

export class Refused extends Error {
  constructor(readonly status: number, readonly text: string) {
    super(`${status}: ${text}`);
  }
}

// Requests carry neither cookies nor passwords that the browser remembers, so no other page can make use of them.
export async function ask(path: string, options: RequestInit, wait_ms: number, stop?: AbortSignal): Promise<Response> {
  const late = new AbortController();
  const end = () => late.abort();
  const timer = setTimeout(end, wait_ms);
  stop?.addEventListener("abort", end);
  try {
    if (stop?.aborted) end();
    return await fetch("../" + path, { ...options, credentials: "omit", cache: "no-store", redirect: "error", signal: late.signal });
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", end);
  }
}

export async function read<T>(path: string, wait_ms: number, stop?: AbortSignal): Promise<T> {
  const answer = await ask(path, {}, wait_ms, stop);
  if (!answer.ok) throw new Refused(answer.status, await answer.text());
  return (await answer.json()) as T;
}
