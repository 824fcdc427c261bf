// The page, which shows the whole cluster at a glance.
import { h, render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Deeds, no_switchover, pause } from "./actions";
import { Deed, Question } from "./dialog";
import { Editor } from "./editor";
import { findings } from "./findings";
import { Fleet } from "./fleet";
import { Changes, Timeline } from "./history";
import { Card } from "./members";
import { Picture, picture_of, readiness } from "./model";
import { Tree } from "./picture";
import { Plots } from "./plots";
import { RestartAll } from "./restart_all";
import { Translated } from "./said";
import { Known, Watch, nothing } from "./watch";
import { Language, Words, english, moment_of, time_of, wanted_language, words_in } from "./words";

function Lease({ known, picture, words }: { known: Known; picture: Picture; words: Words }) {
  const told = picture.nodes.find((node) => node.leads)?.explain?.lease_seconds_left;
  const [now, tick] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  if (typeof told !== "number") return <p class="quiet">{words.lease_unknown}</p>;
  const left = Math.max(0, told - Math.max(0, now - known.members_at) / 1000);
  const ttl = known.config.ttl ?? 30;
  return (
    <p class="lease">
      <meter min={0} max={ttl} low={ttl / 4} optimum={ttl} value={left} aria-hidden="true" />
      <span>{words.lease(left.toFixed(0))}</span>
    </p>
  );
}

// Everything that is wrong, in one list; the cards show the rest.
function Concerns({ known, picture, words }: { known: Known; picture: Picture; words: Words }) {
  const found = findings(known, picture, words);
  if (found.length === 0) return null;
  return (
    <div class="concerns">
      <strong>{words.concerns}</strong>
      <ul>
        {found.map(({ text, original, next, next_original }) => (
          <li key={text}>
            <Translated said={text} original={original} />
            {next && <small><Translated said={next} original={next_original} /></small>}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Verdict({ known, picture, words, choose }: { known: Known; picture: Picture; words: Words; choose: (deed: Deed) => void }) {
  const planned = known.cluster?.scheduled_switchover;
  const ready = picture.nodes.filter((node) => readiness(node) === "ready").map((node) => node.name);
  return (
    <section class={`verdict ${picture.leader ? "good" : "bad"}`} aria-labelledby="verdict">
      <h2 id="verdict">{picture.leader ? words.leads(picture.leader) : words.nobody}</h2>
      {picture.leader && <Lease known={known} picture={picture} words={words} />}
      <p class={ready.length > 0 ? "" : "bad"}>{ready.length > 0 ? words.may(ready.join(", ")) : words.may_none}</p>
      <Concerns known={known} picture={picture} words={words} />
      {known.cluster?.pause && <p class="notice"><strong>{words.paused}.</strong> {words.paused_why}</p>}
      {planned && (
        <div class="notice">
          <p>{words.scheduled(moment_of(planned.at), planned.to ?? "")}</p>
          <button type="button" onClick={() => choose(no_switchover(words))}>{words.no_switchover} …</button>
        </div>
      )}
    </section>
  );
}

// Tells changes of the leader to screen readers, too.
function Announcer({ leader, known, words }: { leader: string; known: boolean; words: Words }) {
  const [said, say] = useState("");
  const before = useRef<string | null>(null);
  useEffect(() => {
    if (!known) return;
    if (before.current !== null && before.current !== leader) say(leader ? words.leads_now(leader) : words.nobody_now);
    before.current = leader;
  }, [leader, known]);
  return <div class="said" aria-live="assertive" role="status">{said}</div>;
}

function Silence({ known, words }: { known: Known; words: Words }) {
  if (!known.silent) return null;
  return <p class="alarm" role="alert">{known.heard ? words.silent(time_of(known.heard), known.silent) : words.never(known.silent)}</p>;
}

interface Speech {
  language: Language;
  words: Words;
}

interface Speaking extends Speech {
  speak: (language: Language) => void;
}

function LanguageButton({ language, words, speak }: Speaking) {
  const other = language === "en" ? "zh" : "en";
  return <button type="button" class="language" lang={other} onClick={() => speak(other)}>{words.language}</button>;
}

function FleetPage({ language, words, speak }: Speaking) {
  useEffect(() => {
    document.title = `${words.all_clusters} · Tamada`;
  }, [language]);
  return (
    <div class="page">
      <header>
        <h1>{words.all_clusters}</h1>
        <div class="tools">
          <a class="button" href="#">{words.back_to_cluster}</a>
          <LanguageButton language={language} words={words} speak={speak} />
        </div>
      </header>
      <Fleet words={words} />
    </div>
  );
}

function ClusterPage({ language, words, speak }: Speaking) {
  const [known, show] = useState<Known>(nothing);
  const [deed, choose] = useState<Deed | null>(null);
  const [editing, edit] = useState(false);
  const [restarting, restart_all] = useState(false);
  const watch = useRef<Watch | null>(null);
  useEffect(() => (watch.current = new Watch(show)).start(), []);
  const picture = picture_of(known);
  const scope = known.cluster?.scope ?? "";
  useEffect(() => {
    document.title = `${picture.leader || "—"} · ${scope || "Tamada"}`;
  }, [language, picture.leader, scope]);
  const now = Date.now();
  return (
    <div class={known.silent ? "page stale" : "page"}>
      <a class="skip" href="#members">{words.skip}</a>
      <header>
        <h1>{words.title} <span class="name">{scope}</span></h1>
        <span class="quiet">{known.self && words.told_by(known.self)}</span>
        <div class="tools">
          {known.cluster && <button type="button" onClick={() => edit(true)}>{words.configuration} …</button>}
          {known.cluster && (
            <button type="button" onClick={() => choose(pause(known.cluster?.pause === true, words))}>
              {known.cluster.pause ? words.resume : words.pause} …
            </button>
          )}
          <a class="button" href="#fleet">{words.all_clusters}</a>
          <LanguageButton language={language} words={words} speak={speak} />
        </div>
      </header>
      <Announcer leader={picture.leader} known={known.cluster !== null} words={words} />
      <Silence known={known} words={words} />
      {deed && (
        <Question key={deed.path + deed.title} deed={deed} words={words} events={known.events} close={() => choose(null)} done={() => watch.current?.hurry()} />
      )}
      {editing && <Editor words={words} close={() => edit(false)} />}
      {restarting && <RestartAll known={known} picture={picture} words={words} close={() => restart_all(false)} />}
      {known.cluster === null ? <p class="quiet">{known.silent ? "" : words.loading}</p> : (
        <main>
          <Verdict known={known} picture={picture} words={words} choose={choose} />
          <section class="replication" aria-labelledby="replication">
            <h2 id="replication">{words.replication}</h2>
            <Tree picture={picture} words={words} />
          </section>
          <section class="members" aria-labelledby="members">
            <div class="title">
              <h2 id="members" tabIndex={-1}>{words.members}</h2>
              <button type="button" onClick={() => restart_all(true)}>{words.restart_all} …</button>
            </div>
            <ul class="cards">
              {picture.nodes.map((node) => (
                <Card key={node.name} node={node} self={known.self} words={words}>
                  <Deeds node={node} known={known} picture={picture} words={words} choose={choose} />
                </Card>
              ))}
            </ul>
          </section>
          <section class="measured" aria-labelledby="plots">
            <h2 id="plots">{words.plots}</h2>
            <Plots told={known.samples} words={words} />
          </section>
          <section class="turns" aria-labelledby="changes">
            <h2 id="changes">{words.changes}</h2>
            <Changes events={known.events} words={words} now={now} />
          </section>
          <section class="happened" aria-labelledby="events">
            <h2 id="events">{words.events}</h2>
            <Timeline events={known.events} words={words} now={now} />
          </section>
        </main>
      )}
    </div>
  );
}

// The part of the address after # chooses between this cluster and the list of all clusters.
function Page({ first }: { first: Speech }) {
  const [speech, change] = useState<Speech>(first);
  const [hash, go] = useState(location.hash);
  const { language, words } = speech;
  // If the daemon does not answer, which the page says anyhow, the language stays.
  const speak = (other: Language) => void words_in(other).then((its) => change({ language: other, words: its }), () => {});
  useEffect(() => {
    const look = () => go(location.hash);
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return hash === "#fleet" ? <FleetPage language={language} words={words} speak={speak} /> : <ClusterPage language={language} words={words} speak={speak} />;
}

async function begin(): Promise<void> {
  const wanted = wanted_language();
  const first = await words_in(wanted).then((words): Speech => ({ language: wanted, words }), (): Speech => ({ language: "en", words: english }));
  render(<Page first={first} />, document.getElementById("page") as HTMLElement);
}

void begin();
