// A card for each member: its role, whether it may take over, and what is wrong with it.
import { Child, h } from "preact";
import { Node, readiness, closed_gates } from "./model";
import { Said } from "./said";
import { Explanation } from "./told";
import { Words, bytes_of, moment_of } from "./words";

// The URL of a member's page. Only http and https become links, because a member can publish any text.
export function page_of(api_url: string | null | undefined): string | null {
  try {
    const url = new URL(api_url ?? "");
    return url.protocol === "http:" || url.protocol === "https:" ? `${url.origin}/ui/` : null;
  } catch {
    return null;
  }
}

function Fact({ name, children }: { name: string; children?: Child }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Gates({ explain, words }: { explain: Explanation; words: Words }) {
  return (
    <details>
      <summary>{words.gates}</summary>
      <ul class="gates">
        {explain.gates.map((gate) => (
          <li key={gate.gate} class={gate.open ? "open" : "closed"}>
            <span class="mark" role="img" aria-label={gate.open ? words.gate_open : words.gate_closed}>{gate.open ? "✓" : "✗"}</span>
            <span>
              {words.gate[gate.gate] ?? gate.gate}
              {gate.reason && <small><Said text={gate.reason} words={words} /></small>}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Restarts({ node, words }: { node: Node; words: Words }) {
  const key = node.key;
  if (!key?.pending_restart && !key?.scheduled_restart) return null;
  const reasons = Object.entries(key.pending_restart_reason ?? {});
  return (
    <div class="notice">
      {key.pending_restart && <strong>{words.restart_pending}</strong>}
      {reasons.length > 0 && (
        <ul>{reasons.map(([name, change]) => <li key={name}>{`${name}: ${change.old_value ?? "?"} → ${change.new_value ?? "?"}`}</li>)}</ul>
      )}
      {key.scheduled_restart && <div>{words.restart_at(moment_of(key.scheduled_restart.schedule ?? ""))}</div>}
    </div>
  );
}

function Readiness({ node, words }: { node: Node; words: Words }) {
  const state = readiness(node);
  if (state === "leads") return null;
  if (state === "not known") {
    if (node.missing_since) return <p class="ready bad">{words.missing(moment_of(node.missing_since))}</p>;
    if (!node.silent && !node.error) return <p class="ready">…</p>;
    return <p class={`ready ${node.silent ? "bad" : ""}`}>{node.silent ? words.no_answer : words.may_unknown}: <Said text={node.error} words={words} /></p>;
  }
  if (state === "ready") return <p class="ready good">{words.ready}</p>;
  const closed = closed_gates(node.explain as Explanation);
  return (
    <p class="ready bad">
      {words.not_ready}: {closed.map((gate, i) => <span key={gate.gate}>{i > 0 && "; "}<Said text={gate.reason ?? gate.gate} words={words} /></span>)}
    </p>
  );
}

function lag_of(node: Node, words: Words): string {
  const key = node.key;
  return `${bytes_of(key?.receive_lag, words.unknown)} / ${bytes_of(key?.replay_lag, words.unknown)}`;
}

function Facts({ node, words }: { node: Node; words: Words }) {
  const key = node.key;
  const explain = node.explain;
  const tags = Object.entries(key?.tags ?? {});
  return (
    <dl>
      <Fact name={words.state}>{words.state_word(key?.state ?? "?")}</Fact>
      <Fact name={words.timeline}>{key?.timeline ?? words.unknown}</Fact>
      {!node.leads && <Fact name={words.lag}>{lag_of(node, words)}</Fact>}
      {key?.host && <Fact name={words.address}>{`${key.host}:${key.port ?? ""}`}</Fact>}
      {key?.copy && <Fact name={key.copy.what}>{words.copy(bytes_of(key.copy.bytes_done, "?"), bytes_of(key.copy.bytes_total, "?"))}</Fact>}
      {tags.length > 0 && <Fact name={words.tags}>{tags.map(([name, value]) => `${name}: ${String(value)}`).join(", ")}</Fact>}
      {explain && (
        <Fact name={words.decides}>
          <code>{explain.decision.rule}</code> <Said text={explain.decision.reason} words={words} /> <small>{words.since(moment_of(explain.decision.since))}</small>
        </Fact>
      )}
      {explain?.job && <Fact name="">{words.job(words.job_word(explain.job.step ?? explain.job.job), explain.job.seconds.toFixed(0))}</Fact>}
    </dl>
  );
}

export function Card({ node, self, words, children }: { node: Node; self: string; words: Words; children?: Child }) {
  const page = page_of(node.key?.api_url);
  const role = node.key?.role ?? "";
  const problems = node.explain?.problems ?? [];
  const trouble = problems.length === 0 ? node.key?.trouble : undefined;
  return (
    <li class={`card ${node.silent ? "lost" : node.leads ? "leads" : ""}`} data-member={node.name}>
      <h3>
        <span class="name">{node.name}</span> <span class="role">{node.missing_since ? words.gone : (words.role[role] ?? role)}</span>
      </h3>
      <Readiness node={node} words={words} />
      {(problems.length > 0 || trouble) && (
        <div class="trouble">
          <strong>{words.problems}</strong>
          <ul>
            {problems.map((problem) => <li key={problem.kind + problem.text}><code>{problem.kind}</code> <Said text={problem.text} words={words} /></li>)}
            {trouble && <li><Said text={trouble} words={words} /></li>}
          </ul>
        </div>
      )}
      <Restarts node={node} words={words} />
      {node.key && <Facts node={node} words={words} />}
      {node.explain && <Gates explain={node.explain} words={words} />}
      {children}
      <p class="where">{node.name === self ? words.this_node : page && <a href={page} rel="noreferrer">{words.own_page}</a>}</p>
    </li>
  );
}
