import { MailError, MailVetoedError } from '../base/errors.js';
import type { MailMessage } from '../message/message.js';
import { describe } from '../base/option-reader.js';
import { isThenable } from '../base/thenable.js';
import type { MailInterceptor, MailInterceptorInfo } from './mail-interceptor.js';

/** Takes a message through all interceptors; at once where none of them waits. */
export function intercept(
  interceptors: readonly MailInterceptor[],
  message: MailMessage,
  info: MailInterceptorInfo,
  from = 0,
): MailMessage | Promise<MailMessage> {
  let current = message;
  for (let i = from; i < interceptors.length; i += 1) {
    const interceptor = interceptors[i]!;
    const { name } = interceptor.constructor;
    let answer: MailMessage | Promise<MailMessage>;
    try {
      answer = interceptor.intercept(current, info);
    } catch (error) {
      throw stopped(name, error);
    }
    if (isThenable(answer)) {
      return answer.then(
        (next) => intercept(interceptors, checked(name, next), info, i + 1),
        (error: unknown) => {
          throw stopped(name, error);
        },
      );
    }
    current = checked(name, answer);
  }
  return current;
}

function checked(name: string, answer: unknown): MailMessage {
  if (typeof answer === 'object' && answer !== null) return answer;
  throw new MailVetoedError(
    `${name}.intercept answered ${describe(answer)}; return the message, or throw a MailVetoedError`,
    { by: name },
  );
}

/** Whatever goes wrong here, nothing is sent; the interceptor is named. */
function stopped(name: string, error: unknown): MailError {
  if (error instanceof MailVetoedError)
    return new MailVetoedError(error.reason, { by: name, cause: error });
  if (error instanceof MailError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new MailVetoedError(`it failed with ${text}`, { by: name, cause: error });
}
