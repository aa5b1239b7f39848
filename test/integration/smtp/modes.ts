/** EHLO keywords that lead to each way of sharing a connection. */
export const MODES = {
  lockstep: ['8BITMIME', 'SMTPUTF8'],
  pipelining: ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'],
  chunking: ['PIPELINING', 'CHUNKING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'],
} as const;

export type ModeName = keyof typeof MODES;
export const MODE_NAMES = Object.keys(MODES) as ModeName[];
