import { BullHarness } from './bull-harness.js';
import { relayContract } from './relay-contract.js';

relayContract('bull', () => BullHarness.start());
