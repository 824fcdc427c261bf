// The page's words. What the daemon tells (events, reasons) stays in its own language.
const english = {
  title: "Cluster",
  skip: "Skip to the members",
  loading: "Asking the daemon …",
  silent: (since: string, why: string) => `This daemon does not answer since ${since}; what is shown is as old. (${why})`,
  never: (why: string) => `This daemon does not answer. (${why})`,
  told_by: (member: string) => `as ${member} tells it`,
  concerns: "Needs a look",
  paused: "paused",
  paused_why: "Nobody is promoted by itself while the cluster is paused.",
  leads: (member: string) => `${member} leads`,
  nobody: "Nobody leads",
  lease: (seconds: string) => `its lease ends in ${seconds} s unless it renews it`,
  lease_unknown: "how long its lease lasts is not known",
  may: (members: string) => `${members} may take over`,
  may_none: "No member may take over",
  leads_now: (member: string) => `${member} leads now`,
  nobody_now: "Nobody leads now",
  scheduled: (at: string, to: string) => `A switchover is scheduled for ${at}${to ? ` to ${to}` : ""}.`,
  replication: "Who receives from whom",
  members: "Members",
  changes: "Changes of the leader",
  changes_none: "The members that answer have seen none since their daemons started.",
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
  ready: "may take over if the leader goes",
  not_ready: "may not take over",
  gates: "What it needs to be promoted",
  gate_open: "yes",
  gate_closed: "no",
  gate: {
    dcs: "etcd answers", pause: "not paused", leader_key: "nobody else holds the leader key", data: "its data are whole",
    lost_keys: "the keys were not lost", tags: "its tags allow it", fence: "fencing works", postgres: "PostgreSQL runs",
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
  in_all: (ms: string) => `${ms} in all`,
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
  none: "Nothing in this time, of these kinds.",
  more: (count: number) => `${count} older ones are not shown; narrow the choice.`,
  rule: "by the rule",
  language: "中文",
};

export type Words = typeof english;

const chinese: Words = {
  title: "集群",
  skip: "跳到成员",
  loading: "正在询问守护进程 …",
  silent: (since, why) => `此守护进程自 ${since} 起没有应答;页面内容停留在那时。(${why})`,
  never: (why) => `此守护进程没有应答。(${why})`,
  told_by: (member) => `由 ${member} 提供`,
  concerns: "需要查看",
  paused: "已暂停",
  paused_why: "集群暂停期间不会自动提升任何成员。",
  leads: (member) => `${member} 是领导者`,
  nobody: "没有领导者",
  lease: (seconds) => `租约若不续期,将在 ${seconds} 秒后到期`,
  lease_unknown: "租约剩余时间未知",
  may: (members) => `${members} 可以接管`,
  may_none: "没有成员可以接管",
  leads_now: (member) => `${member} 现在是领导者`,
  nobody_now: "现在没有领导者",
  scheduled: (at, to) => `计划于 ${at} 切换${to ? `到 ${to}` : ""}。`,
  replication: "复制关系",
  members: "成员",
  changes: "领导者变更",
  changes_none: "应答的成员自其守护进程启动以来没有见到变更。",
  events: "事件",
  role: { leader: "领导者", standby_leader: "备集群领导者", sync_standby: "同步备库", quorum_standby: "法定数备库", replica: "副本" },
  sync_mark: { sync_standby: "同步", quorum_standby: "法定数" },
  not_streaming: "没有流复制",
  no_answer: "没有应答",
  missing: (since) => `自 ${since} 起缺失`,
  gone: "缺失",
  state: "状态",
  timeline: "时间线",
  lag: "落后(接收 / 回放)",
  unknown: "未知",
  address: "地址",
  tags: "标签",
  decides: "决定",
  since: (time) => `自 ${time}`,
  job: (job, seconds) => `${job} 已进行 ${seconds} 秒`,
  copy: (done, total) => `已复制 ${done} / ${total}`,
  ready: "领导者失效时可以接管",
  not_ready: "不能接管",
  gates: "提升所需条件",
  gate_open: "满足",
  gate_closed: "不满足",
  gate: {
    dcs: "etcd 有应答", pause: "没有暂停", leader_key: "领导键未被其他成员持有", data: "数据完整", lost_keys: "键没有丢失", tags: "标签允许",
    fence: "隔离可用",
    postgres: "PostgreSQL 正在运行", lag: "落后不多", timeline: "时间线与集群一致", sync: "同步复制允许", peers: "没有其他成员更靠前",
  },
  problems: "问题",
  restart_pending: "需要重启",
  restart_at: (at) => `计划于 ${at} 重启。`,
  own_page: "该成员自己的页面",
  this_node: "本页的守护进程",
  kind: { switchover: "主动切换", failover: "手动故障转移", automatic: "自动故障转移" },
  change: (from, to) => `${from || "?"} → ${to || "?"}`,
  failed: "失败",
  running: "进行中",
  outage: (ms) => `${ms} 没有主库`,
  in_all: (ms) => `共 ${ms}`,
  by: (member) => `${member} 所见`,
  phase: { checkpoint: "检查点", stop: "停止", "hand-over": "交接", promote: "提升" },
  last: "最近",
  ten_minutes: "10 分钟",
  hour: "1 小时",
  everything: "全部保留的",
  of_member: "成员",
  all_members: "所有成员",
  kinds: "种类",
  search: "包含",
  type: { decision: "决定", role: "角色", state: "状态", timeline: "时间线", leader: "领导者", pause: "暂停", member: "成员", job: "作业", handover: "变更" },
  none: "这段时间内没有这些种类的事件。",
  more: (count) => `另有 ${count} 条更早的未显示;请缩小范围。`,
  rule: "规则",
  language: "English",
};

export type Language = "en" | "zh";
export const words: Record<Language, Words> = { en: english, zh: chinese };

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

// With the day, where that is another.
export function moment_of(iso: string): string {
  const at = Date.parse(iso);
  const day = new Date(at);
  return day.toDateString() === new Date().toDateString() ? time_of(at) : `${day.toLocaleDateString()} ${time_of(at)}`;
}

export function bytes_of(count: number | string | undefined, unknown: string): string {
  if (typeof count !== "number") return unknown;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) (count /= 1024), ++unit;
  return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

export function span_of(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
