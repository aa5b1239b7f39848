import { headerFault } from './header-fault.js';

let lastSecond = '';
let lastValue = '';

/** An ISO 8601 moment as RFC 5322 §3.3 writes it, in UTC. */
export function dateValue(iso: string, path: string): string {
  // Mails of the same second share the value.
  const second = iso.length === 24 && iso.endsWith('Z') ? iso.slice(0, 19) : iso;
  if (second !== lastSecond) {
    const time = new Date(iso);
    if (Number.isNaN(time.getTime()) || !/^[\dTZ:.+-]+$/.test(iso)) {
      throw headerFault(path, 'is not ISO 8601');
    }
    lastValue = time.toUTCString().replace('GMT', '+0000');
    lastSecond = second;
  }
  return lastValue;
}
