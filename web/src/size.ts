// How much data a new copy of a member removes and copies. The daemons count their files only when somebody asks.
import { plain } from "./dialog";
import { Refused, Size, read } from "./told";
import { Words, bytes_of } from "./words";

const patience_ms = 15_000;

async function size_of(member: string, self: string, stop: AbortSignal): Promise<Size> {
  const which = member === self ? "" : `?member=${encodeURIComponent(member)}`;
  try {
    return await read<Size>(`tamada/size${which}`, patience_ms, stop);
  } catch (error) {
    return { data_bytes: null, wal_bytes: null, error: error instanceof Refused ? plain(error.text) : String(error) };
  }
}

// `source` is the member that sends its data; empty if none is known.
export async function sizes_of_copy(member: string, source: string, self: string, words: Words, stop: AbortSignal): Promise<string[]> {
  const [its, sources] = await Promise.all([size_of(member, self, stop), source ? size_of(source, self, stop) : null]);
  const unknown = (name: string, { error }: Size) => words.size_unknown(name, words.said(error ?? words.unknown));
  const bytes = (count: number | null) => bytes_of(count ?? undefined, words.unknown);
  const of_member = its.data_bytes === null ? unknown(member, its)
    : words.data_replaced(member, bytes(its.data_bytes), bytes(its.wal_bytes)) + (words.replaced[its.replaced ?? ""] ?? "");
  if (!sources) return [of_member];
  return [of_member, sources.data_bytes === null ? unknown(source, sources) : words.data_to_send(source, bytes(sources.data_bytes))];
}
