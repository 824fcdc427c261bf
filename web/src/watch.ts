// Keeps what the page shows up to date. It asks for the positions each second, and for events by a request that the
// daemon answers when there is something new. While nobody sees the page, it sends no requests.
import { AllSamples, Cluster, Config, DaemonEvent, Doctor, Events, Members, read } from "./told";

export interface Entry extends DaemonEvent {
  key: string;
  member: string;
  at: number; // in milliseconds
}

export interface Known {
  self: string;
  cluster: Cluster | null;
  members: Members | null;
  config: Config;
  samples: AllSamples | null;
  doctor: Doctor | null;
  events: Entry[]; // the oldest first
  heard: number; // when the daemon last answered, in milliseconds; 0: never
  silent: string; // why the daemon does not answer; empty: it does
}

const second = 1000;
const kept_events = 3000;

export const nothing: Known = { self: "", cluster: null, members: null, config: {}, samples: null, doctor: null, events: [], heard: 0, silent: "" };

function sleep(ms: number, stop: AbortSignal): Promise<void> {
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

export class Watch {
  private known = nothing;
  private last = new Map<string, { id: number; run: number }>();
  private stop: AbortController | null = null;
  private look_now = () => {};
  private ask_now = () => {};

  constructor(private readonly show: (known: Known) => void) {}

  start(): () => void {
    return whenever_seen(() => this.begin(), () => this.end());
  }

  // Something has happened, so both requests are sent without waiting for their time.
  hurry(): void {
    this.look_now();
    this.ask_now();
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

  private rest(ms: number, stop: AbortSignal, waker: (wake: () => void) => void): Promise<void> {
    return new Promise((done) => {
      waker(done);
      void sleep(ms, stop).then(done);
    });
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
        this.put({ cluster, members, self: members.member, heard: Date.now(), silent: "" });
      } catch (error) {
        if (stop.aborted) return;
        this.put({ silent: error instanceof Error ? error.message : String(error) });
      }
      await this.rest(Math.max(0, second - (Date.now() - began)), stop, (wake) => (this.look_now = wake));
    }
  }

  private async follow(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        const since = this.last.get("")?.id ?? 0;
        const answer = await read<Events>(`tamada/events?since=${since}&wait=25&newest=1000`, 40 * second, stop);
        if (stop.aborted) return;
        const news = answer.events.length > 0;
        this.add("", answer);
        if (news) this.hurry();
      } catch {
        await sleep(second, stop);
      }
    }
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
      await this.rest(members ? 2 * second : second / 5, stop, (wake) => (this.ask_now = wake));
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
