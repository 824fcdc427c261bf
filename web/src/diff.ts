// Compares two configurations: as lines for people, and as the change that PATCH /config takes.
export type Json = { [key: string]: unknown };

export interface DiffLine {
  mark: " " | "-" | "+";
  text: string;
}

const context_lines = 3;
const is_map = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

export const lines_of = (value: unknown) => JSON.stringify(value, null, 2).split("\n");

// Without the comma at the end, which says nothing about the value.
export const bare_lines_of = (value: unknown) => lines_of(value).map((line) => line.replace(/,$/, ""));

// The longest common subsequence; removals come before additions. Lines far from a change are left out.
export function diff(a: string[], b: string[]): DiffLine[] {
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; --i) {
    for (let j = b.length - 1; j >= 0; --j) (common[i] as Uint32Array)[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const all: DiffLine[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) all.push({ mark: " ", text: a[i++] ?? "" }), ++j;
    else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) all.push({ mark: "-", text: a[i++] ?? "" });
    else all.push({ mark: "+", text: b[j++] ?? "" });
  }
  const near = (at: number) => all.slice(Math.max(0, at - context_lines), at + context_lines + 1).some((line) => line.mark !== " ");
  return all.filter((_, i) => near(i));
}

// RFC 7386, as Patroni has it: null removes a key, and anything but a mapping is replaced as a whole.
export function patch_of(before: Json, after: Json): Json {
  const patch: Json = Object.create(null);
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    const inner = is_map(value) && is_map(old) ? patch_of(old, value) : null;
    if (inner ? Object.keys(inner).length > 0 : JSON.stringify(old) !== JSON.stringify(value)) patch[key] = inner ?? value;
  }
  return patch;
}
