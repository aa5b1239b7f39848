/**
 * How mails share a connection:
 * - `chunking`: envelope and content at once, many mails without waiting (CHUNKING with PIPELINING).
 * - `pipelining`: the envelope with DATA at once, also behind the content before it (PIPELINING, RFC 2920).
 * - `lockstep`: one command at a time.
 */
export type Mode = 'chunking' | 'pipelining' | 'lockstep';

/** What is said and answered in a transaction, in order. */
export const Step = { reset: 0, mail: 1, rcpt: 2, data: 3, content: 4, done: 5 } as const;
export type Step = (typeof Step)[keyof typeof Step];
