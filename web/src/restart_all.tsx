// The restart of all members, one after the other: says the order beforehand, and shows what becomes of each.
import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Dialog, List, shut, useSender } from "./dialog";
import { last_change, last_restart_of } from "./foretell";
import { Node, Picture } from "./model";
import { Plan, Rolling, Send, Step, members_in_order, successor } from "./rolling";
import { Said } from "./said";
import { Known } from "./watch";
import { Words } from "./words";

type Phase = "asking" | "running" | "done" | "failed" | "cancelled";

interface Choice {
  only_pending: boolean;
  hand_over: boolean;
}

type Option = [text: string, possible: boolean];

interface Options {
  name: string;
  legend: string;
  options: Option[];
  chosen: number;
  choose: (i: number) => void;
}

function Choose({ name, legend, options, chosen, choose }: Options) {
  return (
    <fieldset class="when">
      <legend>{legend}</legend>
      {options.map(([text, possible], i) => (
        <label key={text} class="choice"><input type="radio" name={name} checked={i === chosen} disabled={!possible} onChange={() => choose(i)} /> {text}</label>
      ))}
    </fieldset>
  );
}

function Steps({ steps, words }: { steps: Step[]; words: Words }) {
  return (
    <ol class="steps" aria-live="polite" aria-label={words.restart_order}>
      {steps.map((step) => (
        <li key={step.name} class={step.stage} data-step={step.name}>
          <span><span class="name">{step.name}</span> {step.leads && <small>{words.role["leader"]}</small>}</span>
          <span class="stage">{words.stage[step.stage]}</span>
          {step.said && <p><Said text={step.said} words={words} /></p>}
        </li>
      ))}
    </ol>
  );
}

function noticed(nodes: Node[], picture: Picture, to: string, words: Words): string[] {
  const standbys = nodes.filter((node) => !node.leads).map((node) => node.name).join(", ");
  const of_standbys = standbys ? [words.connections_end_in_turn(standbys)] : [];
  if (!nodes.some((node) => node.leads)) return of_standbys;
  return [...of_standbys, words.connections_end(picture.leader), to ? words.writes_move(picture.leader, to) : words.writes_stop(picture.leader)];
}

function doubts_of(nodes: Node[], picture: Picture, words: Words): string[] {
  const others = picture.nodes.filter((node) => node.key && !node.leads && !node.connected).map((node) => `${node.name}: ${words.not_streaming}`);
  return [...nodes.filter((node) => node.silent).map((node) => words.is_silent(node.name)), ...others, ...(picture.leader ? [] : [words.nobody])];
}

// Goes on as long as the dialog is open. After `login` has been asked for, `run` continues where it was.
function useRolling(plan: Plan, planned: Step[], sender: { send: Send; waits: boolean }, words: Words) {
  const [phase, go] = useState<Phase>("asking");
  const [begun, show] = useState<Step[]>([]);
  const [stopping, set_stopping] = useState(false);
  const cancelled = useRef(false);
  const at = useRef(0);
  const closed = useRef(new AbortController());
  const rolling = useRef<Rolling | null>(null);
  useEffect(() => () => closed.current.abort(), []);
  const steps = phase === "asking" ? planned : begun;

  const run = async () => {
    if (phase !== "asking" && !sender.waits) return;
    show(steps);
    go("running");
    const update = (step: Step) => show((before) => before.map((one) => (one.name === step.name ? step : one)));
    rolling.current ??= new Rolling(plan, words, update, closed.current.signal);
    for (let step = steps[at.current]; step; step = steps[++at.current]) {
      if (cancelled.current || closed.current.signal.aborted) return go("cancelled");
      const fresh: Step = { ...step, stage: "waiting", said: "" };
      const outcome = await rolling.current.restart(fresh, sender.send);
      if (outcome === "failed") return go("failed");
      if (outcome === "login") return update(fresh);
    }
    go("done");
  };
  const cancel = () => (cancelled.current = true, set_stopping(true));
  return { phase, steps, stopping, run, cancel };
}

function Result({ phase, stopping, waits, steps, words }: { phase: Phase; stopping: boolean; waits: boolean; steps: Step[]; words: Words }) {
  const left = steps.filter((step) => step.stage === "waiting").map((step) => step.name).join(", ");
  const rest = left && ` ${words.not_restarted(left)}`;
  const running = waits ? "" : stopping ? words.stops_after_this : words.stay_here;
  const text = { asking: "", running, done: words.all_restarted, failed: words.restarts_failed + rest, cancelled: words.restarts_cancelled + rest }[phase];
  return <p role="status" class={`answer ${phase === "cancelled" ? "failed" : phase}`}>{text}</p>;
}

interface Asked {
  known: Known;
  picture: Picture;
  words: Words;
  close: () => void;
}

export function RestartAll({ known, picture, words, close }: Asked) {
  const { state, send, form } = useSender(words);
  const pending = members_in_order(picture, true);
  const [{ only_pending, hand_over }, choose] = useState<Choice>({ only_pending: pending.length > 0, hand_over: false });
  const nodes = members_in_order(picture, only_pending);
  const leads = nodes.find((node) => node.leads);
  const able = successor(picture, nodes);
  const to = hand_over && leads ? able : "";
  const planned: Step[] = nodes.map(({ name, leads }) => ({ name, leads, stage: "waiting", said: "" }));
  const plan: Plan = { leader: picture.leader, candidate: to, self: known.self, config: known.config };
  const waits = state === "login";
  const { phase, steps, stopping, run, cancel } = useRolling(plan, planned, { send, waits }, words);

  const asking = phase === "asking";
  const working = phase === "running" && !waits;
  const last = to ? last_change("switchover", known.events, words) : leads ? last_restart_of(leads, known.events, words) : "";
  const whom: Option[] = [[words.only_pending(pending.map((node) => node.name).join(", ")), true], [words.every_member, true]];
  const how: Option[] = [[words.leader_in_place, true], [able ? words.leader_after_switchover(able) : words.nobody_can_take_over, able !== ""]];
  return (
    <Dialog title={words.restart_all} close={close} submit={() => void run()}>
      {asking && <p>{words.restart_all_happens}</p>}
      {asking && pending.length > 0 && (
        <Choose name="whom" legend={words.members} options={whom} chosen={only_pending ? 0 : 1} choose={(i) => choose({ only_pending: i === 0, hand_over })} />
      )}
      {asking && leads && (
        <Choose name="how" legend={words.the_leader(leads.name)} options={how} chosen={to ? 1 : 0} choose={(i) => choose({ only_pending, hand_over: i === 1 })} />
      )}
      <Steps steps={steps} words={words} />
      {asking && <List title={words.noticed} kind="effects" items={noticed(nodes, picture, to, words)} words={words} />}
      {asking && last && <p class="last">{last}</p>}
      {asking && <List title={words.against} kind="notice" items={doubts_of(nodes, picture, words)} words={words} />}
      {form}
      <Result phase={phase} stopping={stopping} waits={waits} steps={steps} words={words} />
      <div class="buttons">
        {working ? <button type="button" disabled={stopping} onClick={cancel}>{words.stop_after_this}</button>
          : <button type="button" onClick={shut}>{asking || waits ? words.cancel : words.close}</button>}
        {(asking || waits) && <button type="submit" class="act" disabled={nodes.length === 0}>{words.restart_in_turn}</button>}
      </div>
    </Dialog>
  );
}
