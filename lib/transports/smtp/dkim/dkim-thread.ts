import { parentPort, workerData } from 'node:worker_threads';
import type { SignAnswer, SignRequest } from './signing-thread.js';
import type { SmtpDkimOptions } from './dkim.options.js';
import { dkimSigner } from './signature.js';

/** What a transport's signing thread runs: one mail after the other. */
const port = parentPort;
const sign = dkimSigner(workerData as SmtpDkimOptions);

function answer({ n, mail }: SignRequest): SignAnswer {
  try {
    return { n, field: sign(mail) };
  } catch (error) {
    return { n, fault: error instanceof Error ? error.message : 'signing failed' };
  }
}

port?.on('message', (request: SignRequest) => {
  port.postMessage(answer(request));
});
