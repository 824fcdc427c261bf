// Restarts the members one after the other, the leader last, in the order and under the conditions of `restart --rolling`
// of tamadactl: the next member only when the one before streams again.
import { Answer, plain } from "./dialog";
import { Node, Picture, closed_gates } from "./model";
import { Cluster, Config, Members, read } from "./told";
import { sleep } from "./watch";
import { Words } from "./words";

export type Stage = "waiting" | "restarting" | "switching" | "starting" | "done" | "failed";

export interface Step {
  name: string;
  leads: boolean;
  stage: Stage;
  said: string; // why it failed; empty: it did not
}

export interface Plan {
  leader: string;
  candidate: string; // the member that the leader hands over to before; empty: the leader is restarted in place
  self: string; // the member whose daemon sent this page
  config: Config;
}

const second = 1000;
const restart_ms = 16 * 60 * second; // as long as the page's daemon waits for the answer of a member
const switchover_ms = 60 * 60 * second;
const streaming_ms = 30 * 60 * second; // a server may have to replay much WAL first

export type Send = (method: string, path: string, body: unknown, wait_ms: number) => Promise<Answer | null>;
// "login": the password is missing, and the step begins again with it.
export type Outcome = "done" | "failed" | "login";

export function members_in_order(picture: Picture, only_pending: boolean): Node[] {
  const chosen = picture.nodes.filter((node) => node.key && (!only_pending || node.key.pending_restart));
  return [...chosen.filter((node) => !node.leads), ...chosen.filter((node) => node.leads)];
}

// The member that the leader can hand over to, preferably one that is restarted before it. Empty if there is none.
export function successor(picture: Picture, restarted: Node[]): string {
  const may = (node: Node) => node.explain !== null && closed_gates(node.explain).every((gate) => gate.gate === "pause");
  const able = picture.nodes.filter((node) => !node.leads && node.connected && may(node));
  return (able.find((node) => restarted.includes(node)) ?? able[0])?.name ?? "";
}

const restart_path = (name: string, self: string) => (name === self ? "restart" : `tamada/restart?member=${encodeURIComponent(name)}`);

interface Told {
  cluster: Cluster;
  members: Members;
}

async function look(): Promise<Told> {
  const [cluster, members] = await Promise.all([read<Cluster>("cluster", 5 * second), read<Members>("tamada/members", 5 * second)]);
  return { cluster, members };
}

const explain_of = ({ members }: Told, name: string) => members.members.find((member) => member.name === name)?.explain;
const key_of = ({ cluster }: Told, name: string) => cluster.members.find((member) => member.name === name);

// The member itself is asked, because its key in etcd may still be from before the restart.
function streams(told: Told, name: string, config: Config): boolean {
  const key = key_of(told, name);
  const explain = explain_of(told, name);
  const state = explain ? explain.replication_state : key?.state;
  const by_archive = config.standby_cluster || key?.tags?.["nostream"] === true;
  return state === "streaming" || (state === "in archive recovery" && Boolean(by_archive));
}

// Waits until the member streams. The daemon answers for a second with what the members told before, so the first answer of a
// member does not count.
async function until_streaming(name: string, config: Config, stop: AbortSignal): Promise<boolean> {
  let first: string | undefined;
  for (const end = Date.now() + streaming_ms; Date.now() < end && !stop.aborted; await sleep(second / 2, stop)) {
    const told = await look().catch(() => null); // the page shows by itself that its daemon does not answer
    if (!told) continue;
    const at = explain_of(told, name)?.time ?? told.members.time;
    first ??= at;
    if (at !== first && streams(told, name, config)) return true;
  }
  return false;
}

const is_leader = (role: string | undefined) => role === "leader" || role === "standby_leader";

export class Rolling {
  private switched = false;
  private send: Send = async () => null;

  constructor(
    private readonly plan: Plan, private readonly words: Words, private readonly show: (step: Step) => void, private readonly stop: AbortSignal,
  ) {}

  // If another member leads than was expected, the next restart could be one of the primary, so there is none.
  async restart(step: Step, send: Send): Promise<Outcome> {
    this.send = send;
    const told = await look().catch((error) => String(error));
    if (typeof told === "string") return this.fail(step, told);
    const leader = told.cluster.members.find((member) => is_leader(member.role))?.name ?? "";
    if (leader !== (this.switched ? this.plan.candidate : this.plan.leader)) {
      return this.fail(step, leader ? this.words.leads_now(leader) : this.words.nobody_now);
    }
    if (step.leads && this.plan.candidate && !this.switched) {
      const outcome = await this.switch_over(step);
      if (outcome !== "done") return outcome;
      // The switchover has stopped and started this server.
      const pending = await look().then((now) => key_of(now, step.name)?.pending_restart === true, () => true);
      if (!pending) return this.succeed(step);
    }
    return this.restart_server(step);
  }

  private async switch_over(step: Step): Promise<Outcome> {
    this.show({ ...step, stage: "switching" });
    const answer = await this.send("POST", "switchover", { leader: step.name, candidate: this.plan.candidate }, switchover_ms);
    if (!answer) return "login";
    if (answer.status !== 200) return this.fail(step, plain(answer.text));
    this.switched = true;
    return this.wait(step);
  }

  private async restart_server(step: Step): Promise<Outcome> {
    this.show({ ...step, stage: "restarting" });
    const answer = await this.send("POST", restart_path(step.name, this.plan.self), {}, restart_ms);
    if (!answer) return "login";
    if (answer.status !== 200) return this.fail(step, plain(answer.text));
    if (step.leads && !this.switched) return this.succeed(step);
    const outcome = await this.wait(step);
    return outcome === "done" ? this.succeed(step) : outcome;
  }

  private async wait(step: Step): Promise<Outcome> {
    this.show({ ...step, stage: "starting" });
    return (await until_streaming(step.name, this.plan.config, this.stop)) ? "done" : this.fail(step, this.words.not_streaming);
  }

  private succeed(step: Step): Outcome {
    this.show({ ...step, stage: "done" });
    return "done";
  }

  private fail(step: Step, said: string): Outcome {
    this.show({ ...step, stage: "failed", said });
    return "failed";
  }
}
