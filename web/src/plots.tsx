// What the members measured in the last hour, as one small plot for each quantity, with a line for each member.
import { h } from "preact";
import { useState } from "preact/hooks";
import { AllSamples } from "./told";
import { Words, bytes_of, milliseconds_of, time_of } from "./words";

const span_s = 3600;
const kinds_of_line = 6; // the colours in the style sheet

interface Quantity {
  column: string;
  text: (value: number) => string;
  base: number; // the next unit is so many times as large
  least: number; // the scale ends there, or further
}

const bytes = { base: 1024, least: 1024 };
const milliseconds = { text: milliseconds_of, base: 1000, least: 1 };
const quantities: Quantity[] = [
  { column: "receive_lag", text: (value) => bytes_of(value, ""), ...bytes },
  { column: "replay_lag", text: (value) => bytes_of(value, ""), ...bytes },
  { column: "wal_per_s", text: (value) => `${bytes_of(value, "")}/s`, ...bytes },
  { column: "dcs_ms", ...milliseconds },
  { column: "loop_lag_ms", ...milliseconds },
];

interface Line {
  name: string;
  kind: number;
  every_s: number;
  points: { at: number; value: number | null }[]; // in seconds, the oldest first
}

function lines_of(told: AllSamples, column: string): Line[] {
  const members = [...told.members].sort((a, b) => a.name.localeCompare(b.name)); // each has the same colour on every page
  return members.flatMap(({ name, samples }, i): Line[] => {
    const x = samples?.columns.indexOf("at") ?? -1;
    const y = samples?.columns.indexOf(column) ?? -1;
    if (!samples || x < 0 || y < 0) return [];
    const points = samples.samples.map((row) => ({ at: row[x] ?? 0, value: row[y] ?? null }));
    if (points.every(({ value }) => value === null)) return [];
    return [{ name, kind: i % kinds_of_line, every_s: samples.every_s, points }];
  });
}

// The end of a scale: 1, 2 or 5, or ten or a hundred times as much, of a unit.
function end_of_scale(most: number, base: number): number {
  let unit = 1;
  while (most / unit >= base) unit *= base;
  return unit * ([1, 2, 5, 10, 20, 50, 100, 200, 500].find((step) => most / unit <= step) ?? base);
}

// A line has a gap where the member measured nothing for so long.
const gap_s = (line: Line) => 3 * line.every_s;

function path_of(line: Line, end: number, top: number): string {
  let path = "";
  let before = 0;
  for (const { at, value } of line.points) {
    if (value === null) {
      before = 0;
      continue;
    }
    const place = `${span_s - (end - at)} ${(100 * (1 - value / top)).toFixed(2)}`;
    path += before && at - before <= gap_s(line) ? `L${place}` : `M${place}h0`;
    before = at;
  }
  return path;
}

function value_at(line: Line, at: number): number | null {
  const near = line.points.filter((point) => Math.abs(point.at - at) <= gap_s(line));
  near.sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at));
  return near[0]?.value ?? null;
}

function Plot({ quantity, told, end, at, words, look }: {
  quantity: Quantity; told: AllSamples; end: number; at: number; words: Words; look: (back_s: number) => void;
}) {
  const lines = lines_of(told, quantity.column);
  const most_of = (line: Line) => Math.max(...line.points.map(({ value }) => value ?? 0));
  const top = end_of_scale(Math.max(quantity.least, ...lines.map(most_of)), quantity.base);
  const text = (value: number | null) => (value === null ? words.unknown : quantity.text(value));
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    look(Math.round(span_s * (1 - (event.clientX - box.left) / box.width)));
  };
  return (
    <figure data-plot={quantity.column}>
      <figcaption>{words.plot[quantity.column]}</figcaption>
      <div class="plot" aria-hidden="true">
        <span class="top">{quantity.text(top)}</span>
        <span class="zero">0</span>
        <svg viewBox={`0 0 ${span_s} 100`} preserveAspectRatio="none" onPointerMove={point} onPointerLeave={() => look(0)}>
          {[0, 1 / 3, 2 / 3].map((part) => <path key={part} class="grid" d={`M${part * span_s} 0V100`} />)}
          <path class="grid" d={`M0 50H${span_s}`} />
          {lines.map((line) => <path key={line.name} class={`line line-${line.kind}`} d={path_of(line, end, top)} />)}
          {at < end && <path class="cursor" d={`M${span_s - (end - at)} 0V100`} />}
        </svg>
        <span class="from">{words.minutes_ago(span_s / 60)}</span>
        <span class="to">{words.now}</span>
      </div>
      <ul class="legend">
        {lines.map((line) => (
          <li key={line.name}>
            <svg class="swatch" viewBox="0 0 20 8" aria-hidden="true"><path class={`line line-${line.kind}`} d="M0 4H20" /></svg>
            <span class="name">{line.name}</span> {text(value_at(line, at))}, <small>{words.most(text(most_of(line)))}</small>
          </li>
        ))}
        {lines.length === 0 && <li class="quiet">{words.nothing_measured}</li>}
      </ul>
    </figure>
  );
}

export function Plots({ told, words }: { told: AllSamples | null; words: Words }) {
  const [back_s, look] = useState(0);
  if (!told) return <p class="quiet">{words.nothing_measured}</p>;
  const end = Date.parse(told.time) / 1000;
  const at = end - Math.min(Math.max(back_s, 0), span_s);
  const when = back_s > 0 ? time_of(at * 1000) : words.now;
  return (
    <div>
      <label class="moment">
        {words.moment}{" "}
        <input type="range" min={-span_s} max="0" step="10" value={-back_s} aria-valuetext={when} onInput={(event: any) => look(-Number(event.currentTarget.value))} />
        <output>{when}</output>
      </label>
      <div class="plots">
        {quantities.map((quantity) => <Plot key={quantity.column} quantity={quantity} told={told} end={end} at={at} words={words} look={look} />)}
      </div>
      {told.members.filter((member) => member.error).map(({ name, error }) => <p key={name} class="quiet">{name}: {error}</p>)}
    </div>
  );
}
