import { MailDeliveryError } from '../base/errors.js';
import { messageOf } from '../base/reason.js';

/** A transport's code is loaded with its first use. A bundle that left it out is told so, and nothing was sent. */
export function failedToLoad(transport: string, cause: unknown): MailDeliveryError {
  return new MailDeliveryError({
    code: 'MAIL_LOAD',
    disposition: 'retry',
    fault: 'transport',
    stage: 'queue',
    message: `The code of ${transport} could not be loaded (${messageOf(cause)}). Where the app is bundled, leave \`nestjs-mail-relay\` out of the bundle, or let it split the code at \`import()\``,
    transport,
    cause,
  });
}
