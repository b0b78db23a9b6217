/** How many responses are remembered; a conversation asks for its last one. */
const most = 10_000;

/** Longer ids are not remembered. */
const longestId = 128;

/** Knows which replica made a response: a worker that keeps responses has only its own. */
export class ResponseHomes {
  private readonly homes = new Map<string, string>();

  /** The replica, by its id, made this response. The oldest one is forgotten for it. */
  remember(response: string, replica: string): void {
    this.homes.delete(response);
    this.homes.set(response, replica);
    if (this.homes.size <= most) return;
    for (const oldest of this.homes.keys()) {
      this.homes.delete(oldest);
      return;
    }
  }

  /** Id of the replica that made the response in `previous_response_id`, if this gateway knows it. */
  find(response: unknown): string | undefined {
    return typeof response === 'string' ? this.homes.get(response) : undefined;
  }
}

/** An answer without an id so far has none. */
const maxSearchedBytes = 65_536;

const idPattern = new RegExp(`"id"\\s*:\\s*"(resp_[\\w.-]{1,${longestId - 5}})"`);

/** Reads from an answer on its way which response it is, and tells it once. */
export class ResponseSighting {
  private left = maxSearchedBytes;
  private readonly onSeen: (response: string) => void;

  constructor(onSeen: (response: string) => void) {
    this.onSeen = onSeen;
  }

  /** Reads complete events, or a whole answer. */
  see(bytes: Buffer): void {
    if (this.left <= 0) return;
    const id = idPattern.exec(bytes.toString('latin1', 0, this.left))?.[1];
    this.left = id === undefined ? this.left - bytes.length : 0;
    if (id !== undefined) this.onSeen(id);
  }
}
