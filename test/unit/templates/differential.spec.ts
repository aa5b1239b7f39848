import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Handlebars from 'handlebars';
import juice from 'juice';
import { loadCssInliner } from '../../../lib/templates/css.js';
import { loadHtmlToText, type TextConverter } from '../../../lib/templates/html-text.js';
import { insertPreheader } from '../../../lib/templates/preheader.js';
import fc from '../../fixtures/fast-check.js';
import { body, context, css, plainCss } from './generated.js';
import { removeFolders, storeOf } from './support.js';

afterAll(removeFolders);

let inlineCss: (html: string) => string;
let toText: TextConverter;
beforeAll(async () => {
  inlineCss = await loadCssInliner();
  toText = await loadHtmlToText();
});

const SUBJECT = 'Hi {{a}}';
const PREHEADER = 'pre {{b}}';
const page = (style: string, inside: string) =>
  `<!doctype html>\n<html><head>${style}</head><body class="body">${inside}</body></html>`;

/** The parts as Handlebars alone fills them. */
const filled = (source: string, given: object, noEscape = false): string =>
  Handlebars.compile(source, { noEscape })(given, { data: { locale: '' } });

function orNothing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

async function storeFor(html: string, front = true) {
  const head = front ? `---\nsubject: ${SUBJECT}\npreheader: ${PREHEADER}\n---\n` : '';
  const store = storeOf({ 'a.hbs': head + html });
  await store.load();
  return (given: Record<string, unknown>) => store.render('a', given, undefined);
}

describe('what comes out of a template', () => {
  it('equals the answers of inliner and converter on the filled html', async () => {
    const contexts = fc.array(context, { minLength: 1, maxLength: 3 });
    const media = fc.constantFrom('', ' media="print"', ' media="all"', ' type="text/css"');
    await fc.assert(
      fc.asyncProperty(css, media, body, contexts, async (sheet, where, inside, givens) => {
        const html = page(`<style${where}>${sheet}</style>`, inside);
        const render = await storeFor(html);
        // Several times over, so that what was learnt of one mail is used for others.
        const expected = givens.map((given) => {
          const whole = insertPreheader(filled(html, given), filled(PREHEADER, given));
          const styled = inlineCss(whole);
          return { subject: filled(SUBJECT, given, true), html: styled, text: toText(styled) };
        });
        for (let round = 0; round < 4; round += 1) {
          for (const [index, given] of givens.entries()) {
            expect(await render(given)).toMatchObject(expected[index]!);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('equals what the inliner itself says of plain CSS', async () => {
    await fc.assert(
      fc.asyncProperty(plainCss, body, context, async (sheet, inside, given) => {
        const html = page(`<style>${sheet}</style>`, inside);
        const whole = filled(html, given);
        const expected = orNothing(() => juice(whole));
        // Its own language of templates, and a fault of its own.
        fc.pre(!/\{\{|<%/.test(whole) && expected !== undefined);
        const render = await storeFor(html, false);
        for (let i = 0; i < 4; i += 1) expect((await render(given)).html).toBe(expected);
      }),
      { numRuns: 100 },
    );
  });
});
