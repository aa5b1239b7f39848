import { parentPort, workerData } from 'node:worker_threads';
import { faultOf, LazyStore, type StoreReply, type StoreRequest } from './store-host.js';
import type { StoreOptions } from './store.types.js';

/** What a spool's thread runs: one call after the other, each answered when it is durable. */
const port = parentPort;
const store = new LazyStore(workerData as StoreOptions);

function answer({ n, call, args }: StoreRequest): StoreReply {
  try {
    if (call !== 'close') return { n, value: store.run(call, args) };
    store.close();
    return { n };
  } catch (error) {
    return { n, fault: faultOf(error) };
  }
}

port?.on('message', (request: StoreRequest) => {
  port.postMessage(answer(request));
  if (request.call === 'close') port.close();
});
