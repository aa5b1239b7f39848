export { relayContract } from './contract.js';
export type { ContractMatchers, ContractRunner, RelayHarness } from './contract.types.js';
