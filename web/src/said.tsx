// A text of the daemon in the page's language. The English original is shown where the pointer rests on it, as other programs and the log
// have it.
import { h } from "preact";
import { Words } from "./words";

export function Said({ text, words }: { text: string; words: Words }) {
  const said = words.said(text);
  return <span class="told" title={said === text ? undefined : text}>{said}</span>;
}
