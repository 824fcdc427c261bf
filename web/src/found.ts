// The texts of doctor's findings in other languages than English, by the codes of `src/diagnosis/texts.h` and with the same
// names in braces.
import { Doctor } from "./told";

type DoctorFinding = Doctor["findings"][number];

interface Text {
  text: string;
  next?: string;
}

const missing_next = "启动其守护进程，或查明为何没有续期其键；被移除的成员一天后自动忘记";
const slot_next = "其读取者会回来吗？否则：SELECT pg_drop_replication_slot('{slot}')";
const update_next = "逐个成员完成升级，领导者最后";

export const chinese_findings: Record<string, Text> = {
  etcd_silent: { text: "{error}", next: "启动它，或从配置中去掉它" },
  etcd_slow: { text: "{etcd} 应答需要 {ms} 毫秒", next: "检查其磁盘（etcd_disk_wal_fsync_duration_seconds）和网络" },
  etcd_behind: { text: "{etcd} 比另一个端点落后 {entries} 条日志", next: "检查其磁盘（etcd_disk_wal_fsync_duration_seconds）和网络" },
  etcd_complains: { text: "{etcd} 报告：{complaints}", next: "etcdctl endpoint status、etcdctl alarm list；若空间用尽：compact、defrag、alarm disarm" },
  etcd_no_majority: { text: "半数或更多端点没有应答", next: "etcd 失去多数时，任何成员都不能成为领导者" },
  member_silent: { text: "{member} 没有应答：{error}", next: "启动其守护进程，或让本主机能访问其 REST API 端口" },
  member_gone: { text: "{member} 缺失（其 etcd 键已消失 {age}）", next: missing_next },
  member_without_key: { text: "{member} 缺失（在 etcd 中没有键）", next: missing_next },
  problem: { text: "{members}：{problem}", next: "explain 和守护进程的日志有更多信息" },
  problem_configuration: { text: "{members}：{problem}", next: "改正它：edit-config，或修改该成员的文件后 reload" },
  problem_certificate: { text: "{members}：{problem}", next: "重新写入完整且配对的证书和密钥；下一个连接会读取它们" },
  problem_security: { text: "{members}：{problem}", next: "设置 restapi.authentication、restapi.verify_client 或 restapi.allowlist" },
  problem_guard: { text: "{members}：{problem}", next: "没有 guard 时，守护进程冻结的主库会继续写入；守护进程的日志有更多信息" },
  problem_disk: { text: "{members}：{problem}", next: "腾出空间，或检查设备：df、df -i、dmesg" },
  problem_rewind: { text: "{members}：{problem}", next: "消除原因之后，用 reinit 重新复制该成员" },
  problem_access: { text: "{members}：{problem}", next: "改正该行：postgresql.pg_hba，或文件本身" },
  problem_archive: { text: "{members}：{problem}", next: "手工运行 archive_command；在它成功之前 pg_wal 会不断增长" },
  problem_clock: { text: "{members}：{problem}", next: "在本主机和 etcd 的主机上检查：timedatectl、chronyc tracking" },
  problem_slots: { text: "{members}：{problem}", next: "让其读取者赶上，或删除它；max_slot_wal_keep_size 限制一个复制槽能保留的量" },
  configuration_mistake: { text: "{mistake}", next: "edit-config {cluster}" },
  no_leader: { text: "没有成员持有领导者键", next: "explain 会说明每个成员为何不能被提升" },
  several_primaries: { text: "{count} 个成员接受写入：{members}", next: "立即隔离领导者 {leader} 以外的所有成员" },
  primary_in_standby_cluster: { text: "{member} 在备集群中接受写入", next: "explain 有更多信息" },
  no_primary: { text: "没有成员接受写入；领导者键属于 {leader}", next: "explain {leader} 会说明它在做什么" },
  primary_without_key: { text: "{member} 接受写入，而 {leader} 持有领导者键", next: "立即隔离 {member}" },
  failover_impossible: { text: "没有成员可以接管：{reasons}", next: "explain 有更多信息" },
  no_standby: { text: "没有成员可以接管", next: "增加一个成员" },
  ttl_too_short: {
    text: "loop_wait {loop_wait} + 2 * retry_timeout {retry_timeout} = {sum}，ttl {ttl}：守护进程会自行降低 loop_wait 和 retry_timeout",
    next: "edit-config -s ttl={sum}",
  },
  ttl_no_number: {
    text: "loop_wait {loop_wait} + 2 * retry_timeout {retry_timeout} = {sum}，ttl {ttl}；{setting} 的值不是数字，因此使用默认值",
    next: "edit-config -s {setting}=NUMBER",
  },
  paused: { text: "集群已暂停：没有自动故障转移", next: "用 resume 结束暂停" },
  nobody_synchronous: { text: "synchronous_mode 已开启，但没有同步备库，因此提交不等待任何备库", next: "list 会显示谁在流复制；标签 nosync 会排除成员" },
  clocks_differ: { text: "{member} 的时钟比 {other} 快 {seconds} 秒", next: "那里是否运行时间服务（chrony、systemd-timesyncd）？" },
  patroni_versions_differ: { text: "Patroni 接口的版本不同：{versions}", next: update_next },
  server_versions_differ: { text: "PostgreSQL 的版本不同：{versions}", next: update_next },
  restart_pending: { text: "{member} 需要重启", next: "restart {cluster} {member} --pending" },
  restart_pending_for: { text: "{member} 需要重启（{parameters}）", next: "restart {cluster} {member} --pending" },
  not_streaming: { text: "{member} 的状态是 {state}，没有流复制", next: "explain {member} 会说明原因" },
  too_far_behind: { text: "{member} 落后 {lag}，超过 maximum_lag_on_failover（{limit}）", next: "在赶上之前不能提升它" },
  other_timeline: {
    text: "{member} 在时间线 {timeline} 上，领导者在 {leaders} 上",
    next: "explain {member} 会说明它是否跟随领导者；reinit 会重新复制它",
  },
  slot_lost: { text: "{slot}：其 WAL 状态是 {wal_status}", next: "其读取者必须重新建立" },
  slot_holds_wal: { text: "{slot} 保留了 {bytes} 的 WAL", next: slot_next },
  slot_without_reader: { text: "{slot} 保留了 {bytes} 的 WAL，而且没有读取者连接", next: slot_next },
  rewind_unknown: { text: "无法得知 {user} 的权限：{error}", next: "查看服务器的日志；postgresql.authentication.rewind 指定该用户" },
  rewind_forbidden: { text: "{user} 在 {leader} 上不能调用 {functions}：分叉的成员无法用 pg_rewind 修复", next: "在领导者上用 psql 执行：{grants}" },
  certificate_unreadable: { text: "{certificate}：{error}", next: "检查配置" },
  certificate_ends: { text: "{certificate} 将在 {days} 天后到期", next: "更新证书，然后 reload" },
  certificate_ended: { text: "{certificate} 已在 {days} 天前到期", next: "更新证书，然后 reload" },
};

const has = (object: object, name: string) => Object.prototype.hasOwnProperty.call(object, name);

// Puts the values into the text, each in the place of its name in braces. null: one of them is not told.
function filled(text: string, values: Record<string, unknown>, said: (value: string) => string): string | null {
  let complete = true;
  const out = text.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (!has(values, name)) complete = false;
    return said(String(values[name]));
  });
  return complete ? out : null;
}

// The finding in the page's language. A finding that only a later daemon knows stays in English.
export function translated(finding: DoctorFinding, texts: Record<string, Text>, said: (value: string) => string): DoctorFinding {
  const known = finding.code !== undefined && has(texts, finding.code) ? texts[finding.code] : undefined;
  const text = known && filled(known.text, finding.values ?? {}, said);
  const next = known?.next && filled(known.next, finding.values ?? {}, said);
  return { ...finding, text: text || finding.text, next: next || finding.next };
}
