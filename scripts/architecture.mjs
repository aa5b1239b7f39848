/**
 * The picture of the floors in docs/architecture.md, drawn from the same list that the import gate
 * enforces, so that it cannot show a house that is not there.
 *
 * `node scripts/architecture.mjs` writes the picture; with `--check` it fails where the page has another.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { floors, smtpFloors } from './floors.mjs';
import { ROOT } from './process.mjs';

const PAGE = `${ROOT}docs/architecture.md`;
const files = readdirSync(`${ROOT}lib`, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);

/** @param {readonly (readonly import('./floors.mjs').Room[])[]} house */
function draw(house) {
  const rows = house.flatMap((rooms, floor) =>
    rooms.map(([name, pattern, what = ''], index) => ({
      floor: index === 0 ? String(floor) : '',
      name: name.replace(/^smtp-/, ''),
      what,
      files: files.filter((file) => new RegExp(`^${pattern}`).test(file)).length,
    })),
  );
  const empty = rows.find((row) => row.files === 0);
  if (empty) throw new Error(`No file of lib/ is in the room ${empty.name}`);
  const width = Math.max(...rows.map(({ name }) => name.length));
  const text = Math.max(...rows.map(({ what }) => what.length));
  const line = (/** @type {(typeof rows)[number]} */ row) =>
    `${row.floor.padStart(2)} │ ${row.name.padEnd(width)} │ ${row.what.padEnd(text)} │`;
  /** @type {string[]} */
  const lines = [];
  const rule = `   ├─${'─'.repeat(width)}─┼─${'─'.repeat(text)}─┤`;
  for (const floor of [...house.keys()].reverse()) {
    if (lines.length > 0) lines.push(rule);
    const from = rows.findIndex((row) => row.floor === String(floor));
    lines.push(...rows.slice(from, from + (house[floor]?.length ?? 0)).map(line));
  }
  return ['```text', ...lines, '```'].join('\n');
}

/** @type {Record<string, string>} */
const pictures = { floors: draw(floors), 'smtp-floors': draw(smtpFloors) };

const page = readFileSync(PAGE, 'utf8');
const fresh = page.replace(
  /(<!-- (floors|smtp-floors) -->\n)[^]*?(\n<!-- end -->)/g,
  (
    /** @type {string} */ _all,
    /** @type {string} */ open,
    /** @type {string} */ name,
    /** @type {string} */ close,
  ) => `${open}${pictures[name]}${close}`,
);
for (const name of Object.keys(pictures)) {
  if (!page.includes(`<!-- ${name} -->`)) throw new Error(`${PAGE} has no place for ${name}`);
}
if (!process.argv.includes('--check')) writeFileSync(PAGE, fresh);
else if (fresh !== page) {
  console.error('docs/architecture.md shows other floors than scripts/floors.mjs has.');
  console.error('Run: node scripts/architecture.mjs');
  process.exitCode = 1;
}
