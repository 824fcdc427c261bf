// Says doctor's findings in the page's language.
import { Doctor } from "./told";

type DoctorFinding = Doctor["findings"][number];

// By the codes of `src/diagnosis/texts.h`, with the same names in braces.
export type FindingTexts = Record<string, { text: string; next?: string }>;

const has = (object: object, name: string) => Object.prototype.hasOwnProperty.call(object, name);

// Puts the values into the text, each in the place of its name in braces. null: one of them is not told.
function filled(text: string, values: Record<string, unknown>, said: (value: string) => string): string | null {
  let complete = true;
  const out = text.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (!has(values, name)) complete = false;
    return said(String(values[name]));
  });
  return complete ? out : null;
}

// The finding in the page's language. A finding that only a later daemon knows stays in English.
export function translated(finding: DoctorFinding, texts: FindingTexts, said: (value: string) => string): DoctorFinding {
  const known = finding.code !== undefined && has(texts, finding.code) ? texts[finding.code] : undefined;
  const text = known && filled(known.text, finding.values ?? {}, said);
  const next = known?.next && filled(known.next, finding.values ?? {}, said);
  return { ...finding, text: text || finding.text, next: next || finding.next };
}
