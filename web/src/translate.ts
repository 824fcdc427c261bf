// Says in Chinese what the daemon tells in English, by the sentences of reasons.zh.ts. What no sentence fits stays in English.
import { sentences, terms } from "./reasons.zh";

interface Place {
  name: string;
  any: boolean; // it stands for any text, not for one word
}

interface Pattern {
  shape: RegExp;
  places: Place[];
  chinese: string;
  fixed: number; // how many of its characters are given
}

const place = /\{(\*?)(\w+)\}/g;
const most_kept = 4000;

const terms_of = (name: string) => terms[name.replace(/\d$/, "")];

export function term_in_chinese(list: string, term: string): string | undefined {
  const known = terms_of(list);
  return known && Object.prototype.hasOwnProperty.call(known, term) ? known[term] : undefined;
}

const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function shape_of({ name, any }: Place): string {
  const known = terms_of(name);
  if (known) return `(${Object.keys(known).map(literally).join("|")})`;
  return any ? "([^]+?)" : "(\\S+)";
}

function pattern_of([english, chinese]: readonly [string, string]): Pattern {
  const places = [...english.matchAll(place)].map(([, star, name]): Place => ({ name: name ?? "", any: star === "*" }));
  const fixed = english.split(/\{\*?\w+\}/);
  const shape = fixed.map((text, i) => (i === 0 ? "" : shape_of(places[i - 1] as Place)) + literally(text)).join("");
  return { shape: new RegExp(`^${shape}$`), places, chinese, fixed: fixed.join("").length };
}

// A sentence of which more is given comes before those that fit more texts.
const patterns = sentences.map(pattern_of).sort((a, b) => b.fixed - a.fixed);

function filled({ places, chinese }: Pattern, found: RegExpExecArray): string {
  return chinese.replace(place, (_, _star, name: string) => {
    const i = places.findIndex((one) => one.name === name);
    const given = found[i + 1] ?? "";
    return term_in_chinese(name, given) ?? term_in_chinese("instead", given) ?? (places[i]?.any ? in_chinese(given) : given);
  });
}

// By the sentence that leaves the least text open.
function sentence_in_chinese(text: string): string | null {
  let best: [Pattern, RegExpExecArray] | null = null;
  let least = Infinity;
  for (const pattern of patterns) {
    const found = pattern.shape.exec(text);
    if (!found) continue;
    const open = pattern.places.reduce((sum, one, i) => sum + (one.any ? (found[i + 1] ?? "").length : 0), 0);
    if (open < least) (best = [pattern, found]), (least = open);
    if (open === 0) break;
  }
  return best && filled(...best);
}

// Several problems stand in one line, as "one; another", and there are sentences that contain "; ".
function list_in_chinese(text: string): string {
  const parts = text.split("; ");
  const said: string[] = [];
  let any = false;
  for (let i = 0; i < parts.length; ) {
    let end = parts.length;
    let sentence: string | null = null;
    for (; end > i && sentence === null; --end) sentence = sentence_in_chinese(parts.slice(i, end).join("; "));
    any ||= sentence !== null;
    said.push(sentence ?? parts[i] ?? "");
    i = sentence === null ? i + 1 : end + 1;
  }
  return any ? said.join("；") : text;
}

const kept = new Map<string, string>();

export function in_chinese(text: string): string {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const said = text.includes("; ") ? list_in_chinese(text) : (sentence_in_chinese(text) ?? text);
  if (kept.size >= most_kept) kept.clear();
  kept.set(text, said);
  return said;
}
