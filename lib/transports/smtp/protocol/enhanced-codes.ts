import type { Reply } from './reply.js';
import { Step } from './step.js';

/** RFC 3463: a good sender, a good recipient. */
const GOOD_SENDER = 2_001_000;
const GOOD_RECIPIENT = 2_001_005;

/**
 * Looks whether replies stand where their enhanced codes belong: one too many, or too few, brings
 * replies to commands that they do not answer.
 */
export class EnhancedCodes {
  /** The server uses the code for a good sender, so it will use that for a good recipient too. */
  private specific = false;

  /** `lmtp`: content is answered for each recipient. */
  constructor(private readonly lmtp: boolean) {}

  isMisplaced(reply: Reply, expect: Step): boolean {
    if (reply.kind !== 2) return false;
    const { status } = reply;
    if (expect === Step.mail) {
      this.specific = status === GOOD_SENDER;
      return status === GOOD_RECIPIENT;
    }
    if (expect === Step.rcpt) {
      // X.0.0 fits every command (RFC 3463 §3.1): Dovecot passes on what its relay said so.
      return this.specific && status === GOOD_SENDER;
    }
    // Gmail, for one, answers RSET as it answers RCPT.
    if (expect === Step.reset) return status === GOOD_SENDER;
    // Over LMTP a recipient's is a good answer to content.
    if (this.lmtp && expect === Step.content) return status === GOOD_SENDER;
    return status === GOOD_SENDER || status === GOOD_RECIPIENT;
  }
}
