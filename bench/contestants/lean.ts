import type { Mail } from '../../lib/message/mail.js';
import { composeMime } from '../../lib/message/mime/compose.js';
import { SmtpTransport } from '../../lib/transports/smtp/smtp.transport.js';

interface Insides {
  deliver: SmtpTransport['deliver'];
  pool: {
    deliver: (prepare: () => object, signal?: AbortSignal) => ReturnType<SmtpTransport['deliver']>;
  };
}

/** Until SmtpTransport composes with composeMime itself: as if it did. */
export function composeLean(): void {
  const insides = SmtpTransport.prototype as unknown as Insides;
  insides.deliver = async function (this: Insides, mail: Mail, { signal } = {}) {
    const prepare = (): object => {
      const { bytes: content, has8bit: eightBit, smtputf8 } = composeMime(mail)!;
      return { envelope: mail.envelope, content, eightBit, smtputf8 };
    };
    return this.pool.deliver(prepare, signal);
  };
}
