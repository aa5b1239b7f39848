import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/dist/', '**/node_modules/', 'coverage/', '**/*.d.ts', '*.config.js', '.*.cjs'] },
  {
    files: ['**/*.ts', 'scripts/**/*.mjs'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // A Nest module is a class by design, often an empty one.
      '@typescript-eslint/no-extraneous-class': 'off',
      // noUncheckedIndexedAccess makes every index possibly undefined; `!` says that it was checked.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `() => done()` is a callback, and `return done()` an early end; neither confuses.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // What was caught is passed on as it came.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // An empty string, of the environment for one, is often as good as none.
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { string: true } },
      ],
      // Nest declares plain options objects as classes.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // A contract's method answers a promise whether or not this driver has anything to wait for.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
    },
  },
  {
    // A test runner's fake timers replace the globals: an app that is up would wait for ever.
    files: ['lib/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setImmediate', 'setInterval', 'clearTimeout'].map((name) => ({
          name,
          message: `Import it from node:timers`,
        })),
        { name: 'performance', message: 'Import it from node:perf_hooks' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'nextTick', message: 'Import it from node:process' },
      ],
    },
  },
  {
    // Tests read what other libraries parsed, which is often `any`, and reach for a method to spy on it.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    // Programs talk to their user on standard output.
    files: ['scripts/**/*.mjs', 'bench/**/*.ts', 'sample/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // `describe` and `it` of node:test answer promises that the runner itself waits for.
    files: ['sample/*/test/**/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
  {
    // A JSDoc cast, which the compiler checks, is invisible to this rule.
    files: ['scripts/**/*.mjs'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
);
