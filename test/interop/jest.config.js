import base from '../../jest.config.js';

/** `npm run test:interop`: real servers, fetched into a cache folder. Not part of `npm test`: it needs root and the network. */
export default {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/test/interop'],
  testMatch: ['**/*.interop.ts'],
  testTimeout: 600_000,
};
