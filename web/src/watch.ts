// Keeps what the page shows up to date. The daemon sends each change by a stream of events; what changes all the time, such
// as positions, is asked for every few seconds, and each second after a change. Without a stream the page asks each second,
// and for events by a request that the daemon answers when there is something new. While nobody sees the page, it sends no
// requests.
import { Message, listen } from "./stream";
import { AllSamples, Cluster, ClusterNews, Config, DaemonEvent, Doctor, Events, Members, read } from "./told";

export interface Entry extends DaemonEvent {
  key: string;
  member: string;
  at: number; // in milliseconds
}

export interface Known {
  self: string;
  cluster: Cluster | null;
  members: Members | null;
  members_at: number; // when the members were asked, in milliseconds
  config: Config;
  samples: AllSamples | null;
  doctor: Doctor | null;
  events: Entry[]; // the oldest first
  heard: number; // when the daemon last answered, in milliseconds; 0: never
  silent: string; // why the daemon does not answer; empty: it does
}

const second = 1000;
const calm_ms = 5 * second; // between two requests while the stream tells changes
const lively_ms = 5 * second; // so long after a change the members are asked each second: their answers may be of before it
const bundle_ms = 100; // changes that follow each other so closely are one reason to ask
const kept_events = 3000;

export const nothing: Known = { self: "", cluster: null, members: null, members_at: 0, config: {}, samples: null, doctor: null, events: [], heard: 0, silent: "" };

export function sleep(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    stop.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}

// Calls `begin` whenever somebody begins to see the page, and `end` when nobody sees it any more. Returns what stops it.
function whenever_seen(begin: () => void, end: () => void): () => void {
  const look = () => (document.visibilityState === "hidden" ? end() : begin());
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    end();
  };
}

// Repeats a question while somebody sees the page.
export function while_seen(ask: (stop: AbortSignal) => Promise<void>, every_ms: number): () => void {
  let stop: AbortController | null = null;
  const repeat = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      await ask(signal);
      await sleep(every_ms, signal);
    }
  };
  const begin = () => {
    stop ??= new AbortController();
    void repeat(stop.signal);
  };
  return whenever_seen(() => stop ?? begin(), () => (stop?.abort(), (stop = null)));
}

// Wakes a loop before its time. A ring while the loop is busy is remembered.
class Bell {
  private rung = false;
  private wake = () => {};

  ring(): void {
    this.rung = true;
    this.wake();
  }

  async rest(ms: number, stop: AbortSignal): Promise<void> {
    if (!this.rung) {
      await new Promise<void>((done) => {
        this.wake = done;
        void sleep(ms, stop).then(done);
      });
    }
    if (this.rung) await sleep(bundle_ms, stop);
    this.rung = false;
  }
}

export class Watch {
  private known = nothing;
  private last = new Map<string, { id: number; run: number }>();
  private stop: AbortController | null = null;
  private readonly look_bell = new Bell();
  private readonly ask_bell = new Bell();
  private streaming = false;
  private member = ""; // whose events the page's daemon tells
  private changed_at = 0;
  private told_at = 0; // when the stream last told of the cluster
  private run = ""; // of the daemon, as the numbers in the stream name it

  constructor(private readonly show: (known: Known) => void) {}

  start(): () => void {
    return whenever_seen(() => this.begin(), () => this.end());
  }

  // Something has happened, so both requests are sent without waiting for their time.
  hurry(): void {
    this.changed_at = Date.now();
    this.look_bell.ring();
    this.ask_bell.ring();
  }

  private every(lively: number): number {
    return this.streaming && Date.now() - this.changed_at > lively_ms ? calm_ms : lively;
  }

  private begin(): void {
    if (this.stop) return;
    this.stop = new AbortController();
    void this.look(this.stop.signal);
    void this.follow(this.stop.signal);
    void this.ask_others(this.stop.signal);
    void this.read_seldom<Config>("config", (config) => this.put({ config }), this.stop.signal);
    void this.read_seldom<AllSamples>("tamada/members/samples", (samples) => this.put({ samples }), this.stop.signal);
    void this.read_seldom<Doctor>("tamada/doctor", (doctor) => this.put({ doctor }), this.stop.signal, 5 * second);
  }

  private end(): void {
    this.stop?.abort();
    this.stop = null;
  }

  private put(change: Partial<Known>): void {
    this.known = { ...this.known, ...change };
    this.show(this.known);
  }

  private async look(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const began = Date.now();
      try {
        const [cluster, members] = await Promise.all([
          read<Cluster>("cluster", 3 * second, stop),
          read<Members>("tamada/members", 5 * second, stop),
        ]);
        if (stop.aborted) return;
        // The stream may have told of a later state of the cluster meanwhile.
        if (this.told_at <= began) this.put({ cluster });
        this.put({ members, members_at: Date.now(), self: members.member, heard: Date.now(), silent: "" });
      } catch (error) {
        if (stop.aborted) return;
        this.put({ silent: error instanceof Error ? error.message : String(error) });
      }
      await this.look_bell.rest(Math.max(0, this.every(second) - (Date.now() - began)), stop);
    }
  }

  // Reads the stream. When it cannot be had, asks for events instead, and tries again after a while. The times differ from
  // page to page, so that not all of them come at once after a restart of the daemon.
  private async follow(stop: AbortSignal): Promise<void> {
    let pause = second;
    while (!stop.aborted) {
      const began = Date.now();
      await listen("tamada/events/stream", (message) => this.take(message, stop), stop).catch(() => {});
      this.streaming = false;
      if (stop.aborted) return;
      this.look_bell.ring();
      pause = Date.now() - began > 30 * second ? second : Math.min(2 * pause, 30 * second);
      await this.poll_events(Date.now() + pause * (0.5 + Math.random() / 2), stop);
    }
  }

  private async poll_events(until: number, stop: AbortSignal): Promise<void> {
    while (!stop.aborted && Date.now() < until) {
      const wait = Math.min(25, Math.ceil((until - Date.now()) / second));
      await this.read_events(wait, stop).catch(() => sleep(second, stop));
    }
  }

  private async read_events(wait: number, stop: AbortSignal): Promise<void> {
    const since = this.last.get("")?.id ?? 0;
    const answer = await read<Events>(`tamada/events?since=${since}&wait=${wait}&newest=1000`, (wait + 15) * second, stop);
    if (stop.aborted) return;
    const news = answer.events.length > 0;
    this.add("", answer);
    if (news) this.hurry();
  }

  // The first message has only a number. What happened before it is asked for, and what happens from then on is sent.
  private async take({ event, data, id }: Message, stop: AbortSignal): Promise<void> {
    if (!event) {
      const run = id.split("-")[0] ?? "";
      if (this.run && run !== this.run) this.last.set("", { id: 0, run: (this.last.get("")?.run ?? 0) + 1 });
      this.run = run;
      await this.read_events(0, stop);
      this.streaming = true;
    } else if (event === "journal") {
      const news = JSON.parse(data) as DaemonEvent;
      this.add("", { member: this.member, last: news.id, events: [news] });
    } else if (event === "cluster") {
      const { member, cluster } = JSON.parse(data) as ClusterNews;
      this.told_at = Date.now();
      this.put({ cluster, self: member, heard: this.told_at, silent: "" });
    }
    if (event) this.hurry();
  }

  private async ask_others(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const { members, self } = this.known;
      const others = (members?.members ?? []).filter((m) => m.name !== self && m.explain);
      await Promise.all(others.map(async ({ name }) => {
        try {
          const since = this.last.get(name)?.id ?? 0;
          const path = `tamada/events?member=${encodeURIComponent(name)}&since=${since}&newest=500`;
          const answer = await read<Events>(path, 5 * second, stop);
          if (!stop.aborted) this.add(name, answer);
        } catch {
          // The next request for the members shows that the daemon does not answer.
        }
      }));
      await this.ask_bell.rest(members ? this.every(2 * second) : second / 5, stop);
    }
  }

  // Reads what changes seldom. If there is no answer, the other requests show that the daemon does not answer; while a
  // cluster is being made, there is no configuration.
  private async read_seldom<Answer>(path: string, put: (answer: Answer) => void, stop: AbortSignal, every_ms = 10 * second): Promise<void> {
    while (!stop.aborted) {
      await read<Answer>(path, 5 * second, stop).then(put).catch(() => {});
      await sleep(every_ms, stop);
    }
  }

  // A daemon that was started again counts its events from 1, so equal numbers are other events.
  private add(whose: string, answer: Events): void {
    if (!whose) this.member = answer.member;
    const before = this.last.get(whose);
    const anew = before !== undefined && answer.last < before.id;
    const run = (before?.run ?? 0) + (anew ? 1 : 0);
    this.last.set(whose, { id: answer.last, run });
    if (answer.events.length === 0) return;
    const known = new Set(this.known.events.map((event) => event.key));
    const news = answer.events
      .map((event) => ({ ...event, member: answer.member, key: `${whose}/${run}/${event.id}`, at: Date.parse(event.time) }))
      .filter((event) => !known.has(event.key));
    const events = [...this.known.events, ...news].sort((a, b) => a.at - b.at).slice(-kept_events);
    this.put({ events });
  }
}
