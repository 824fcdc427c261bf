// Server-sent events. They are read with fetch: EventSource would send the cookies and the password that the browser
// remembers.
export interface Message {
  event: string; // its kind; empty: it has only a number
  data: string;
  id: string; // empty: it has no number
}

const silence_ms = 40_000; // the daemon sends something every 15 s

// Takes the complete messages off the beginning of what has arrived. Source: HTML Standard, 9.2.6.
export function messages_of(text: string): { messages: Message[]; rest: string } {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const messages = blocks.map((block) => {
    const message: Message = { event: "", data: "", id: "" };
    for (const line of block.split("\n")) {
      const [, field, value] = /^(event|data|id): ?(.*)$/.exec(line) ?? [];
      if (field) message[field as keyof Message] = value ?? "";
    }
    return message;
  });
  return { messages: messages.filter((message) => message.event || message.id), rest };
}

// Calls `take` with one message after the other. Ends when the stream does; throws if it cannot be had or falls silent.
export async function listen(path: string, take: (message: Message) => Promise<void>, stop: AbortSignal): Promise<void> {
  const late = new AbortController();
  const end = () => late.abort();
  let timer = setTimeout(end, silence_ms);
  stop.addEventListener("abort", end);
  try {
    const answer = await fetch("../" + path, { credentials: "omit", cache: "no-store", redirect: "error", signal: late.signal });
    if (!answer.ok || !answer.body) throw new Error(String(answer.status));
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    for (let text = ""; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(end, silence_ms);
      const { messages, rest } = messages_of(text + decoder.decode(value, { stream: true }));
      text = rest;
      for (const message of messages) await take(message);
    }
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", end);
    end(); // also if `take` has failed, so that the connection does not stay open
  }
}
