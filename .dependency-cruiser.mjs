import { readFileSync } from 'node:fs';
import { drivers, floors, smtpFloors } from './scripts/floors.mjs';

/**
 * The import gate: the order of rooms (scripts/floors.mjs) as rules. Imports go down only, rooms on one
 * floor do not import each other, and there are no circles (a type-only import counts).
 */

/** What the package exports, runs, or starts by its file's name: `./dist/x.js` is built from `lib/x.ts`. */
const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const { bin = {}, exports } = manifest;
const built = [
  ...Object.values(exports).map((entry) => entry.default ?? entry),
  ...Object.values(bin),
  './dist/relay/spool/store-thread.js',
  './dist/transports/smtp/dkim/dkim-thread.js',
];
const entries = built
  .map((file) => /^\.\/dist\/(.*)\.js$/.exec(file)?.[1])
  .filter(Boolean)
  .map((name) => `^lib/${name.replaceAll('.', '[.]')}[.]ts$`);

const under = (pattern) => `^lib/${pattern}`;
const anyOf = (rooms) => `^lib/(${rooms.map(([, pattern]) => pattern).join('|')})`;

const floorRules = [floors, smtpFloors].flatMap((house) =>
  house.flatMap((rooms, floor) => {
    const above = house.slice(floor + 1).flat();
    return rooms.flatMap(([name, pattern]) => {
      const beside = rooms.filter(([other]) => other !== name);
      return [
        above.length > 0 && {
          name: `${name}-imports-only-down`,
          severity: 'error',
          from: { path: under(pattern) },
          to: { path: anyOf(above) },
        },
        beside.length > 0 && {
          name: `${name}-not-beside`,
          comment: 'Rooms on one floor do not import each other.',
          severity: 'error',
          from: { path: under(pattern) },
          to: { path: anyOf(beside) },
        },
      ].filter(Boolean);
    });
  }),
);

const driverRules = drivers.flatMap(({ room, parts, front }) => [
  {
    name: `${room}-drivers-apart`,
    comment: 'A driver is one folder: it does not know the others.',
    severity: 'error',
    from: { path: `^lib/${room}/${parts}/` },
    to: { path: `^lib/${room}/${parts}/`, pathNot: `^lib/${room}/$1/` },
  },
  {
    name: `${room}-drivers-behind-their-front`,
    comment: 'Everyone else speaks to the contract.',
    severity: 'error',
    from: {
      path: '^lib/',
      pathNot: [`^lib/${room}/${parts}/`, under(front), under('index[.]ts$'), under('cli/')],
    },
    to: { path: `^lib/${room}/${parts}/` },
  },
]);

/** Packages that only these rooms may know. */
const kept = {
  nodemailer: ['transports/smtp/', 'message/'],
  undici: ['transports/web-api/', 'message/content'],
};

const packageRules = Object.entries(kept).map(([name, rooms]) => ({
  name: `${name}-stays-in-its-room`,
  severity: 'error',
  from: { path: '^lib/', pathNot: rooms.map(under) },
  to: { path: `node_modules/(@types/)?${name}/` },
}));

export default {
  forbidden: [
    {
      name: 'no-circle',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...floorRules,
    ...driverRules,
    ...packageRules,
    {
      name: 'every-file-has-a-floor',
      comment: 'Add a new room to the floors in scripts/floors.mjs.',
      severity: 'error',
      from: { path: '^lib/', pathNot: anyOf(floors.flat()) },
      to: {},
    },
    {
      name: 'lib-stands-alone',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(test|bench|sample|scripts|dist)/' },
    },
    {
      name: 'no-undeclared-package',
      comment: 'lib/ may import what package.json declares for its users, and Node itself.',
      severity: 'error',
      from: { path: '^lib/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm', 'npm-peer'],
      },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: '^lib/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'nothing-forgotten',
      comment: 'No file that no entry of the package reaches.',
      severity: 'error',
      from: { path: entries },
      to: { path: '^lib/', pathNot: entries, reachable: false },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.build.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
