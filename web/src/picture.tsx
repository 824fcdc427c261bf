// The members as a tree, which shows from which member each one receives WAL.
import { h } from "preact";
import { Node, Picture, Row, rows_of } from "./model";
import { Words, bytes_of } from "./words";

const box = { width: 168, height: 46, gap: 14, indent: 96, margin: 2 };

function label_of(node: Node, words: Words): string {
  if (!node.connected) return words.not_streaming;
  const lag = bytes_of(node.key?.receive_lag ?? node.key?.lag, "?");
  return lag;
}

function about(node: Node, words: Words): string {
  if (node.missing_since) return words.gone;
  const role = words.role[node.key?.role ?? ""] ?? node.key?.role ?? "";
  return node.silent ? words.no_answer : role;
}

function kind_of(node: Node): string {
  if (node.silent) return "lost";
  return node.leads ? "leads" : node.connected ? "follows" : "apart";
}

const shorten = (text: string, most: number) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

function Edge({ row, at, words }: { row: Row; at: number; words: Words }) {
  const top = (index: number) => index * (box.height + box.gap) + box.margin;
  const x = (row.depth - 1) * box.indent + box.margin + 20;
  const y = top(at) + box.height / 2;
  const node = row.node;
  return (
    <g class={`edge ${node.connected ? "streams" : "broken"} ${node.synchronous ? "sync" : ""}`}>
      <path d={`M${x} ${top(row.parent) + box.height} V${y} H${row.depth * box.indent + box.margin}`} />
      <text x={x + 5} y={y - 5}>{node.connected ? label_of(node, words) : "✕"}</text>
      {node.synchronous && <text x={x + 5} y={y + 14}>{words.sync_mark[node.synchronous] ?? "sync"}</text>}
    </g>
  );
}

export function Tree({ picture, words }: { picture: Picture; words: Words }) {
  const rows = rows_of(picture);
  const deepest = rows.reduce((depth, row) => Math.max(depth, row.depth), 1);
  const width = deepest * box.indent + box.width + 2 * box.margin;
  const height = rows.length * (box.height + box.gap) - box.gap + 2 * box.margin;
  const told = rows.map(({ node }) => {
    const from = node.upstream ? ` ← ${node.upstream}: ${label_of(node, words)} ${words.sync_mark[node.synchronous] ?? ""}` : "";
    return `${node.name}: ${about(node, words)}${from}`;
  });
  return (
    <svg class="tree" viewBox={`0 0 ${width} ${Math.max(height, 1)}`} width={width} role="img" aria-label={told.join("; ")}>
      {rows.map((row, at) => row.parent >= 0 && <Edge key={`edge-${row.node.name}`} row={row} at={at} words={words} />)}
      {rows.map((row, at) => {
        const x = row.depth * box.indent + box.margin;
        const y = at * (box.height + box.gap) + box.margin;
        return (
          <g key={row.node.name} class={`member ${kind_of(row.node)}`}>
            <rect x={x} y={y} width={box.width} height={box.height} rx="6" />
            <text class="name" x={x + 10} y={y + 19}>{shorten(row.node.name, 16)}</text>
            <text x={x + 10} y={y + 36}>{shorten(about(row.node, words), 25)}</text>
          </g>
        );
      })}
    </svg>
  );
}
