// All clusters of all namespaces in etcd, one line each, the worst first.
import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { page_of } from "./members";
import { Clusters, ClusterLine, read } from "./told";
import { while_seen } from "./watch";
import { Words, bytes_of, time_of } from "./words";

const look_every_ms = 5_000;

interface Seen {
  told: Clusters | null;
  at: number;
  error: string; // why the daemon does not tell; empty: it does
}

const name_of = (line: ClusterLine) => (line.namespace ?? "") + line.scope;

function kind_of(line: ClusterLine): string {
  if (line.concerns.includes("no_leader")) return "bad";
  return line.concerns.length > 0 ? "doubtful" : "good";
}

function Line({ line, own, several, words }: { line: ClusterLine; own: boolean; several: boolean; words: Words }) {
  const page = own ? "#" : page_of(line.api_url);
  const concerns = line.concerns.map((kind) => words.concern[kind] ?? kind);
  return (
    <li class={kind_of(line)} data-scope={line.scope} data-namespace={line.namespace}>
      <span class="name">
        {several && <small class="namespace">{line.namespace}</small>}
        {page ? <a href={page} rel="noreferrer">{line.scope}</a> : line.scope} {own && <small>{words.this_cluster}</small>}
      </span>
      <span class="state">{concerns.length > 0 ? concerns.join(", ") : words.fine}</span>
      <span>{line.leader ? words.leads(line.leader) : words.nobody}</span>
      <span>{words.members_run(line.running, line.members)}{line.missing > 0 && `, ${words.members_missing(line.missing)}`}</span>
      <span>{words.behind(bytes_of(line.lag ?? undefined, words.unknown))}</span>
    </li>
  );
}

export function Fleet({ words }: { words: Words }) {
  const [{ told, at, error }, see] = useState<Seen>({ told: null, at: 0, error: "" });
  const [search, set_search] = useState("");
  useEffect(() => while_seen(async (stop) => {
    try {
      const told = await read<Clusters>("tamada/clusters?namespaces=all", 15_000, stop);
      see({ told, at: Date.now(), error: "" });
    } catch (error) {
      if (!stop.aborted) see((before) => ({ ...before, error: error instanceof Error ? error.message : String(error) }));
    }
  }, look_every_ms), []);
  const all = told?.clusters ?? [];
  const wanted = search.toLowerCase();
  const shown = all.filter((line) => name_of(line).toLowerCase().includes(wanted));
  const several = new Set(all.map((line) => line.namespace)).size > 1;
  const is_own = (line: ClusterLine) => line.scope === told?.scope && line.namespace === told.namespace;
  const worst = all.filter((line) => line.concerns.length > 0).length;
  return (
    <main class="whole">
      {error && <p class="alarm" role="alert">{told ? words.silent(time_of(at), error) : words.never(error)}</p>}
      {!told && !error && <p class="quiet">{words.loading}</p>}
      {told && (
        <section class={`fleet ${error ? "stale" : ""}`} aria-labelledby="fleet">
          <h2 id="fleet">{words.clusters_of(all.length, worst)}</h2>
          <form class="filters" onSubmit={(event: Event) => event.preventDefault()}>
            <label>{words.search} <input type="search" value={search} onInput={(event: any) => set_search(event.currentTarget.value)} /></label>
          </form>
          <ol>{shown.map((line) => <Line key={name_of(line)} line={line} own={is_own(line)} several={several} words={words} />)}</ol>
          {!told.complete && <p class="notice">{words.not_all_clusters}</p>}
          {told.other_namespaces && <p class="quiet">{words.own_namespace_only(told.namespace ?? "", told.other_namespaces)}</p>}
          <p class="quiet">{words.by_etcd_alone}</p>
        </section>
      )}
    </main>
  );
}
