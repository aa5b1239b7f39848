import { workerData } from 'node:worker_threads';
import { serveCalls } from '../../base/call-thread.js';
import { faultOf, LazyStore, type StoreRequest, type StoreReturn } from './lazy-store.js';
import type { StoreOptions } from './store.types.js';

/** What a spool's thread runs: one call after the other, each returned when it is durable. */
const store = new LazyStore(workerData as StoreOptions);

function run({ call, args }: StoreRequest): StoreReturn {
  try {
    if (call === 'close') {
      store.close();
      return { notices: [] };
    }
    const value = store.run(call, args);
    return { value, notices: store.takeNotices() };
  } catch (error) {
    return { fault: faultOf(error), notices: store.takeNotices() };
  }
}

serveCalls<StoreRequest>(
  run,
  (error) => {
    throw error;
  },
  ({ call }) => call === 'close',
);
