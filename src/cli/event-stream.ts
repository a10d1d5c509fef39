export interface ServerEvent {
  readonly type: string;
  readonly data: string;
  /** The last id that the stream has said, with this event or before it. */
  readonly id: string | undefined;
}

/** Takes text as it comes in and gives the events that are complete. */
export interface EventParser {
  push(text: string): readonly ServerEvent[];
  /** The id up to which events were given: of the last message that was complete, with or without data. */
  readonly lastId: string | undefined;
  /** How long to wait before a reconnect, when the server has said so. */
  readonly retryMs: number | undefined;
}

/** Parses `text/event-stream` by the rules of the HTML standard (9.2.6). */
export function eventParser(): EventParser {
  /** Of the line that is coming in. Each piece is looked through once: a snapshot is one line, and may be 50 MiB. */
  let pieces: string[] = [];
  /** A CR that ended the last piece may be half of a CRLF. */
  let held = '';
  let type = '';
  let data: string[] = [];
  /** Of the message that is coming in. Cut before its end, it must not count: its event was never given. */
  let nextId: string | undefined;
  let lastId: string | undefined;
  let retryMs: number | undefined;

  const takeField = (line: string): void => {
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') type = value;
    else if (name === 'data') data.push(value);
    else if (name === 'id' && !value.includes('\0')) nextId = value;
    else if (name === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value);
  };
  const finish = (): ServerEvent | undefined => {
    lastId = nextId;
    const event = { type: type === '' ? 'message' : type, data: data.join('\n'), id: lastId };
    const empty = data.length === 0;
    type = '';
    data = [];
    return empty ? undefined : event;
  };
  const linesEndedBy = (text: string): readonly string[] => {
    const lines = (held + text).split(/\r\n|\n|\r(?!$)/);
    const last = lines.pop() ?? '';
    const [first] = lines;
    if (first !== undefined) {
      lines[0] = pieces.join('') + first;
      pieces = [];
    }
    held = last.endsWith('\r') ? '\r' : '';
    pieces.push(held === '' ? last : last.slice(0, -1));
    return lines;
  };
  return {
    push(text) {
      const lines = linesEndedBy(text);
      const events: ServerEvent[] = [];
      for (const line of lines) {
        if (line !== '') {
          takeField(line);
          continue;
        }
        const event = finish();
        if (event !== undefined) events.push(event);
      }
      return events;
    },
    get lastId() {
      return lastId;
    },
    get retryMs() {
      return retryMs;
    },
  };
}
