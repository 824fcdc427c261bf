// The texts of the page in English, and how it writes values. Those of other languages are loaded when somebody wants them.
import { FindingTexts } from "./found";

export const english = {
  title: "Cluster",
  skip: "Skip to the members",
  loading: "Asking the daemon …",
  silent: (since: string, why: string) => `This daemon has not answered since ${since}; the page shows the state at that time. (${why})`,
  never: (why: string) => `This daemon does not answer. (${why})`,
  told_by: (member: string) => `reported by ${member}`,
  concerns: "Needs attention",
  paused: "paused",
  paused_why: "No member is promoted automatically while the cluster is paused.",
  leads: (member: string) => `${member} leads`,
  nobody: "No member leads",
  lease: (seconds: string) => `its lease ends in ${seconds} s unless it is renewed`,
  lease_unknown: "how long its lease lasts is not known",
  may: (members: string) => `${members} may take over`,
  may_none: "No member may take over",
  may_unknown: "whether it may take over is not known",
  leads_now: (member: string) => `${member} leads now`,
  nobody_now: "No member leads now",
  scheduled: (at: string, to: string) => `A switchover is scheduled for ${at}${to ? ` to ${to}` : ""}.`,
  replication: "Which member receives WAL from which",
  members: "Members",
  changes: "Changes of the leader",
  changes_none: "The members that answer have seen none since their daemons started.",
  plots: "The last hour",
  plot: {
    receive_lag: "Behind in receiving WAL", replay_lag: "Behind in replaying WAL", wal_per_s: "WAL written",
    dcs_ms: "Slowest answer of etcd", loop_lag_ms: "Delay of the event loop",
  } as Record<string, string>,
  moment: "Values of",
  now: "now",
  minutes_ago: (minutes: number) => `${minutes} min ago`,
  most: (value: string) => `at most ${value}`,
  nothing_measured: "Nothing was measured yet.",
  events: "What happened",
  role: {
    leader: "leader", standby_leader: "leader of a standby cluster", sync_standby: "synchronous standby", quorum_standby: "quorum standby",
    replica: "replica",
  } as Record<string, string>,
  sync_mark: { sync_standby: "sync", quorum_standby: "quorum" } as Record<string, string>,
  not_streaming: "does not stream",
  no_answer: "does not answer",
  missing: (since: string) => `has been gone since ${since}`,
  gone: "gone",
  state: "State",
  timeline: "Timeline",
  lag: "Behind (received / replayed)",
  unknown: "not known",
  address: "Address",
  tags: "Tags",
  decides: "Decision",
  since: (time: string) => `since ${time}`,
  job: (job: string, seconds: string) => `${job} for ${seconds} s`,
  copy: (done: string, total: string) => `copied ${done} of ${total}`,
  ready: "may take over if the leader fails",
  not_ready: "may not take over",
  gates: "Conditions for its promotion",
  gate_open: "yes",
  gate_closed: "no",
  gate: {
    dcs: "etcd answers", pause: "not paused", leader_key: "no other member holds the leader key", data: "its data are complete",
    failsafe: "it is a member in failsafe mode", lost_keys: "the keys were not lost", tags: "its tags allow it", fence: "fencing works", postgres: "PostgreSQL runs",
    lag: "it is not too far behind", timeline: "its timeline is the cluster's", sync: "synchronous replication allows it",
    peers: "no other member is ahead",
  } as Record<string, string>,
  problems: "Problems",
  restart_pending: "A restart is pending",
  restart_at: (at: string) => `A restart is scheduled for ${at}.`,
  own_page: "its own page",
  this_node: "this page's daemon",
  kind: { switchover: "switchover", failover: "failover by hand", automatic: "automatic failover" } as Record<string, string>,
  change: (from: string, to: string) => `${from || "?"} → ${to || "?"}`,
  failed: "failed",
  running: "under way",
  outage: (ms: string) => `no primary for ${ms}`,
  in_all: (ms: string) => `${ms} in total`,
  by: (member: string) => `seen by ${member}`,
  phase: { checkpoint: "checkpoint", stop: "stop", "hand-over": "hand-over", promote: "promote" } as Record<string, string>,
  last: "The last",
  ten_minutes: "10 minutes",
  hour: "hour",
  everything: "everything kept",
  of_member: "Of",
  all_members: "all members",
  kinds: "Kinds",
  search: "Containing",
  type: {
    decision: "decisions", role: "roles", state: "states", timeline: "timelines", leader: "leader", pause: "pause", member: "members",
    job: "jobs", handover: "changes",
  } as Record<string, string>,
  none: "There are no events of these kinds in this time.",
  more: (count: number) => `${count} older ones are not shown; narrow the choice.`,
  rule: "by the rule",
  language: "中文",
  pause: "Pause",
  pause_happens: "No member is promoted or restarted automatically until the cluster is resumed. Servers run on as they are, even without their daemons.",
  resume: "Resume",
  resume_happens: "The daemons manage the servers again: whatever differs from the state that they want is changed at once.",
  switchover_to: (to: string) => `Switch over to ${to}`,
  switchover_happens: (from: string, to: string) => `${from} stops and becomes a standby, ${to} is promoted. Nothing that was committed is lost.`,
  failover_to: (to: string) => `Fail over to ${to}`,
  failover_happens: (to: string) => `${to} is promoted, because no member leads. Commits that ${to} has not received are lost.`,
  is_silent: (name: string) => `${name} does not answer.`,
  is_behind: (name: string, lag: string) => `${name} is behind by ${lag}.`,
  restart: (name: string) => `Restart PostgreSQL of ${name}`,
  restart_happens: (name: string) => `PostgreSQL of ${name} is stopped and started.`,
  restart_leader_happens: (name: string) => `PostgreSQL of ${name}, the leader, is stopped and started.`,
  reload: (name: string) => `Reload ${name}`,
  reload_happens: (name: string) => `The daemon of ${name} reads its file again, and PostgreSQL its configuration.`,
  reinit: (name: string) => `Copy ${name} anew`,
  reinit_happens: (name: string) => `PostgreSQL of ${name} is stopped, and all its data are replaced by a new copy of the cluster.`,
  counting: "The data are being counted …",
  data_replaced: (name: string, data: string, wal: string) => `${name} holds ${data} of data and ${wal} of WAL.`,
  replaced: {
    when_copied: " They are kept until the new copy is complete, and then removed.", before: " They are removed before the copy begins (keep_replaced_data is off).",
    in_place: " The program that copies changes them into the new ones in place.",
  } as Record<string, string>,
  data_to_send: (name: string, data: string) => `${name} has ${data} of data to send, and the WAL that is written meanwhile.`,
  size_unknown: (name: string, why: string) => `How much data ${name} holds is not known. (${why})`,
  no_switchover: "Cancel the scheduled switchover",
  no_switchover_happens: "The leader stays; nothing else changes.",
  no_restart: (name: string) => `Cancel the scheduled restart of ${name}`,
  no_restart_happens: (name: string) => `PostgreSQL of ${name} runs on; nothing else changes.`,
  restart_all: "Restart all members",
  restart_all_happens: "PostgreSQL of one member after the other is stopped and started, each when the one before streams again. The first failure ends it.",
  restart_order: "The order of the restarts",
  only_pending: (names: string) => `only those with a pending restart (${names})`,
  every_member: "all members",
  the_leader: (name: string) => `The leader, ${name}, as the last`,
  leader_in_place: "is restarted in place",
  leader_after_switchover: (to: string) => `hands over to ${to} before, and is restarted as a standby`,
  nobody_can_take_over: "hands over before (no member may take over)",
  connections_end_in_turn: (names: string) => `Open connections end at one standby after the other: ${names}.`,
  stage: {
    waiting: "waits", restarting: "is restarted", switching: "hands over", starting: "runs, does not stream yet", done: "runs again", failed: "failed",
  },
  restart_in_turn: "Restart in turn",
  stay_here: "Under way … If you close this dialog or the page, no further member is restarted.",
  stop_after_this: "Stop after this member",
  stops_after_this: "Stops after this member …",
  all_restarted: "All of them were restarted.",
  restarts_failed: "The restarts have ended at the first failure.",
  restarts_cancelled: "The restarts were cancelled.",
  not_restarted: (names: string) => `Not restarted: ${names}.`,
  noticed: "What clients notice",
  against: "What speaks against it",
  nothing_interrupted: "Nothing: no connection ends, and nothing is interrupted.",
  writes_move: (from: string, to: string) => `${from} stops taking writes. Until ${to} takes over, nobody takes any.`,
  writes_begin: (to: string) => `Nobody takes writes until ${to} is promoted; from then on ${to} does.`,
  writes_stop: (name: string) => `Nobody takes writes until ${name} is back.`,
  writes_go_on: (leader: string) => `${leader} goes on taking writes.`,
  connections_end: (name: string) => `Open connections to ${name} end.`,
  follows_then: (from: string, to: string) => `${from} then is a standby of ${to}, for reads only.`,
  follow_then: (names: string, to: string) => `${names} then receives WAL from ${to}; connections there stay open.`,
  fed_wait: (names: string, name: string) => `${names} receives WAL from ${name}, and gets none until it is back.`,
  stay_synchronous: (names: string, name: string) => `${names} stays synchronous. Commits may wait for a moment, until the leader no longer waits for ${name}.`,
  becomes_synchronous: (names: string, name: string) => `${name} is synchronous. Commits wait for a moment, until another standby is in its place: ${names}.`,
  commits_wait: (name: string) => `${name} is the only synchronous standby: all commits wait until it is back (synchronous_mode_strict).`,
  commits_do_not_wait: (name: string) => `${name} is the only synchronous standby: until it is back, commits wait for no standby and are on the primary only.`,
  copied_from: (name: string) => `${name} sends all its data, which takes a part of its disk's and network's speed.`,
  copied_from_one_of: (names: string) => `One of ${names} (clonefrom) sends all its data, which takes a part of its disk's and network's speed.`,
  cannot_take_over: (name: string) => `Until the copy is complete ${name} answers no reads and cannot take over.`,
  today: (time: string) => `today ${time}`,
  last_outage: {
    switchover: (took: string, at: string) => `The last switchover took ${took} without a primary (${at}).`,
    failover: (took: string, at: string) => `The last failover by hand took ${took} without a primary (${at}).`,
  },
  last_took: {
    switchover: (took: string, at: string) => `The last switchover took ${took} in total (${at}).`,
    failover: (took: string, at: string) => `The last failover by hand took ${took} in total (${at}).`,
  },
  last_restart: (name: string, took: string, at: string) => `At the last restart PostgreSQL of ${name} was away for ${took} (${at}).`,
  last_copy: (name: string, took: string, at: string) => `The last copy of ${name} took ${took} (${at}).`,
  when: "When",
  at_once: "at once",
  at_a_time: "at a time",
  date: "Date",
  clock: "Time",
  zone: "Time zone",
  zone_of_browser: (name: string) => `of this browser (${name})`,
  no_time: "Choose date and time.",
  in_the_past: "This time has passed.",
  that_is: (utc: string, minutes: number) => `That is ${utc}, in ${Math.floor(minutes / 60)} h ${minutes % 60} min.`,
  progress: "Events of the members meanwhile",
  configuration: "Configuration",
  configuration_text: "The configuration of the whole cluster, as JSON. A key that you remove falls back to its default.",
  no_json: "This is no JSON object",
  not_changed: "Nothing is changed yet.",
  check: "Check the change",
  edit_again: "Edit again",
  apply: "Change the configuration",
  this_is_sent: "Nothing is changed yet. This would be the change:",
  would_be_refused: "Nothing is changed. The daemon would refuse this change:",
  difference: "The change, line by line",
  added: "added",
  removed: "removed",
  mistakes: "Mistakes",
  doubtful: "Doubtful",
  effects: "What it does",
  waiting_for_restart: (names: string) => `A restart is pending on: ${names}.`,
  several_primaries: (names: string) => `Several members take writes: ${names}. Fence all but the leader.`,
  nobody_synchronous: "synchronous_mode is on and no standby is synchronous: commits wait for no standby.",
  too_far_behind: (name: string, lag: string, limit: string) => `${name} is behind by ${lag}, more than maximum_lag_on_failover (${limit}).`,
  other_timeline: (name: string, its: number, leaders: number) => `${name} is on timeline ${its}, the leader on ${leaders}.`,
  ttl_too_short: (ttl: number, least: number) => `ttl is ${ttl}, but loop_wait + 2 * retry_timeout is ${least}: the daemons lower the two.`,
  clock_differs: (name: string, from: string, seconds: string) => `The clock of ${name} differs from that of ${from} by ${seconds} s.`,
  findings: {} as FindingTexts, // the daemon's own texts are English
  said: (text: string) => text,
  state_word: (state: string) => state,
  job_word: (job: string) => job,
  all_clusters: "All clusters",
  back_to_cluster: "This page's cluster",
  this_cluster: "(this page's)",
  clusters_of: (count: number, worst: number) =>
    `${count} ${count === 1 ? "cluster" : "clusters"}, ${worst === 0 ? "all healthy" : `${worst} ${worst === 1 ? "needs" : "need"} attention`}`,
  by_etcd_alone: "From the keys in etcd only, a few seconds old. A member that has failed is shown as running until its key ends.",
  not_all_clusters: "There are more clusters than are shown here.",
  own_namespace_only: (own: string, why: string) => `Only clusters of the namespace ${own}: etcd does not tell of others. (${why})`,
  fine: "healthy",
  members_run: (running: number, all: number) => `${running} of ${all} run`,
  members_missing: (count: number) => `${count} gone`,
  behind: (lag: string) => `lag ${lag}`,
  concern: {
    no_leader: "no leader", no_standby: "no standby", not_running: "a member does not run", missing: "a member is gone", behind: "a standby is too far behind",
    trouble: "a member reports problems", paused: "paused", pending_restart: "a restart is pending", scheduled_switchover: "a switchover is scheduled",
  } as Record<string, string>,
  wants_password: "This daemon asks for a password",
  wrong_password: "User or password was not accepted; try again",
  user: "User",
  password: "Password",
  password_kept: "Kept only in this page, until it is closed or reloaded.",
  working: "Under way …",
  done: "Done.",
  no_word: "The result is not known",
  cancel: "Cancel",
  close: "Close",
};

export type Words = typeof english;

export type Language = "en" | "zh";
const loaded: Partial<Record<Language, Words>> = { en: english };

// Fails if the daemon does not answer. What the file of another version lacks stays in English.
export async function words_in(language: Language): Promise<Words> {
  return (loaded[language] ??= { ...english, ...(await import("./chinese")).chinese });
}

export function wanted_language(): Language {
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function time_of(at: number, milliseconds = false): string {
  if (!Number.isFinite(at)) return "?";
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return milliseconds ? `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}` : clock;
}

// With the date, if it is not today.
export function moment_of(iso: string, today = (time: string) => time): string {
  const at = Date.parse(iso);
  const day = new Date(at);
  return day.toDateString() === new Date().toDateString() ? today(time_of(at)) : `${day.toLocaleDateString()} ${time_of(at)}`;
}

export function bytes_of(count: number | string | undefined, unknown: string): string {
  if (typeof count !== "number") return unknown;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) (count /= 1024), ++unit;
  return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

export function milliseconds_of(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

export function span_of(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
