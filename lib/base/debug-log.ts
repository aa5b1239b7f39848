import { debuglog } from 'node:util';
import { cleanWords } from './server-words.js';

const log = debuglog('nestjs-mail-relay');

/**
 * `NODE_DEBUG=nestjs-mail-relay` writes what is said to the next hop, and what it answers, to stderr. Undefined
 * where nobody has asked for it, so that what would be written is not even made.
 */
export const debugLog: ((line: string) => void) | undefined = log.enabled
  ? (line) => {
      log('%s', cleanWords(line));
    }
  : undefined;
