// A text of the daemon in the page's language. Its English original, which other programs and the log have, appears where the
// pointer rests on it, and below it if somebody presses it: a finger cannot rest, and a keyboard has no pointer.
import { h, Fragment } from "preact";
import { useState } from "preact/hooks";
import { Words } from "./words";

export function Translated({ said, original }: { said: string; original: string | undefined }) {
  const [open, show] = useState(false);
  if (original === undefined) return <span class="told">{said}</span>;
  const click = () => {
    if (getSelection()?.isCollapsed !== false) show(!open); // else somebody has selected a part, to copy it
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    show(!open);
  };
  // A real button would not break into lines with the text around it.
  return (
    <Fragment>
      <span class="told" role="button" tabIndex={0} aria-expanded={open ? "true" : "false"} title={original} onClick={click} onKeyDown={press}>{said}</span>
      {open && <span class="original" lang="en">{original}</span>}
    </Fragment>
  );
}

export function Said({ text, words }: { text: string; words: Words }) {
  const said = words.said(text);
  return <Translated said={said} original={said === text ? undefined : text} />;
}
