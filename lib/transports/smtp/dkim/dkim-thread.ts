import { workerData } from 'node:worker_threads';
import { serveCalls } from '../../../base/call-thread.js';
import type { SmtpDkimOptions } from './dkim.options.js';
import { dkimSigner } from './signature.js';

/** What a transport's signing thread runs: one mail after the other. */
serveCalls(dkimSigner(workerData as SmtpDkimOptions), (error) =>
  error instanceof Error ? error.message : 'signing failed',
);
