import type { Socket } from 'node:net';
import { ReplyParser } from './reply-parser.js';
import type { Reply } from './reply.js';
import type { Trace } from './trace.js';

/** How long a socket may take to close behind our QUIT when nobody waits for it. */
const PARTING_MS = 2_000;

/** Why a channel came to its end. */
export type ChannelEnd =
  /** The server closed it, or the network lost it. */
  | { readonly kind: 'lost'; readonly cause?: Error }
  /** An absolute deadline passed. */
  | { readonly kind: 'timeout'; readonly ms: number }
  /** What the server sent makes no sense here. */
  | { readonly kind: 'protocol'; readonly problem: string }
  /** We closed it on purpose. */
  | { readonly kind: 'closed'; readonly reason?: unknown };

/** Who is at the near end of a channel: the session first, then the transactions. */
export interface ChannelOwner {
  reply(reply: Reply): void;
  /** All replies of one read have been given. */
  batchEnd(): void;
  /** The write before has gone to the kernel; the next may be made. */
  written(): void;
  /** Called once; nothing is called after it. */
  ended(end: ChannelEnd): void;
}

/**
 * A socket that reads replies and writes groups. One write is out at a time: what has not been given
 * to `write` yet has surely not reached the server, which is how a lost connection is judged.
 */
export class Channel {
  writing = false;
  private owner: ChannelOwner | undefined;
  private over = false;
  private parting = false;
  private readonly parser: ReplyParser;

  constructor(
    readonly socket: Socket,
    /** Where somebody has asked for it. */
    readonly trace?: Trace,
  ) {
    this.parser = new ReplyParser((reply) => {
      if (this.over) return;
      trace?.reply(reply);
      this.owner?.reply(reply);
    });
    socket.on('data', this.onData);
    socket.on('end', this.onEnd);
    socket.on('error', this.onError);
    socket.on('close', this.onEnd);
  }

  own(owner: ChannelOwner): void {
    this.owner = owner;
  }

  get ended(): boolean {
    return this.over;
  }

  /** Writes the buffers in one system call; not to be called again before `written()`. */
  write(chunks: readonly Buffer[]): void {
    if (this.over) return;
    this.writing = true;
    if (chunks.length === 1) {
      this.socket.write(chunks[0]!, this.onWritten);
      return;
    }
    this.socket.cork();
    const last = chunks.length - 1;
    for (let i = 0; i < last; i += 1) this.socket.write(chunks[i]!);
    this.socket.write(chunks[last]!, this.onWritten);
    this.socket.uncork();
  }

  /** Ends the channel at once and tells its owner why. */
  end(end: ChannelEnd): void {
    if (this.over) return;
    this.over = true;
    this.trace?.event(endWords(end));
    if (this.parting) this.socket.setTimeout(PARTING_MS, () => this.socket.destroy());
    else this.socket.destroy();
    this.owner?.ended(end);
  }

  /** Closes our side; the channel ends when the server has closed the other. */
  finish(): void {
    this.socket.off('end', this.onEnd);
    this.socket.end();
  }

  /** Says QUIT and goes without waiting for what the server says to it. To be followed by `end`. */
  part(): void {
    if (this.over) return;
    this.parting = true;
    this.socket.end('QUIT\r\n');
  }

  /** Gives the socket away, to TLS; what has been read and not used is forgotten. */
  detach(): Socket {
    this.over = true;
    this.owner = undefined;
    this.socket.off('data', this.onData);
    this.socket.off('end', this.onEnd);
    this.socket.off('error', this.onError);
    this.socket.off('close', this.onEnd);
    return this.socket;
  }

  private readonly onData = (chunk: Buffer): void => {
    if (this.over) return;
    try {
      this.parser.push(chunk);
    } catch (error) {
      this.end({ kind: 'protocol', problem: (error as Error).message });
      return;
    }
    this.batchEnd();
  };

  private batchEnd(): void {
    if (!this.over) this.owner?.batchEnd();
  }

  private readonly onWritten = (error?: Error | null): void => {
    // A failed write comes back as the socket's own error.
    if (error || this.over) return;
    this.writing = false;
    this.owner?.written();
  };

  private readonly onEnd = (): void => {
    this.end({ kind: 'lost' });
  };

  private readonly onError = (cause: Error): void => {
    this.end({ kind: 'lost', cause });
  };
}

function endWords(end: ChannelEnd): string {
  switch (end.kind) {
    case 'lost':
      return `closed by the server or the network${end.cause ? `: ${end.cause.message}` : ''}`;
    case 'timeout':
      return `given up after ${end.ms} ms without a reply`;
    case 'protocol':
      return `closed by us, the server is out of step: ${end.problem}`;
    case 'closed':
      return 'closed by us';
  }
}
