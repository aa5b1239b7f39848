import fc from '../../fixtures/fast-check.js';

/** Values that people and attackers give. */
const WORDS = [
  'Jo',
  'Jo & Co',
  '<b>bold</b>',
  '',
  ' ',
  ' padded ',
  'two  spaces',
  'line\nbreak',
  '\u200bzero',
  'a"b\'c`d=e',
  '{{x}} }} {{',
  '<% y %>',
  '&lt;',
  'lt;',
  '$& $1',
  '\uE0000\uE001',
  '\x01\x02\x03\x04',
  'mailto:jo@x.y',
  '#top',
  'https://x.y/?a=1&b=2',
  'dark',
  'on',
  'rtl',
  'ltr',
  'red',
  'color: blue; margin: 1px',
  '!important',
  'url(cid:a)',
] as const;

const SELECTORS = [
  'p',
  'b',
  'i',
  'div',
  'td',
  'li',
  'a',
  '.dark p',
  '.on',
  '.dark .on',
  '#id-on',
  '[dir=rtl] p',
  '[title="Jo"]',
  'a[href^="https"]',
  'p + p',
  'li:first-child',
  'td:nth-child(2)',
  'p:empty',
  ':not(.on)',
  'div > p',
  '*',
] as const;
const LEFT_IN_PLACE = ['a:hover', '.on:hover', 'a:active, a:focus'] as const;
const DECLARATIONS = [
  'color: red',
  'color: blue !important',
  'width: 10px; height: 20px',
  'background-color: #fff',
  'margin: 0; margin-top: 1px',
  'text-align: center',
] as const;
const AT_RULES = [
  '@media (max-width: 600px) { .on { padding: 0 } }',
  '@font-face { font-family: x; src: url(x.woff) }',
] as const;
/** What the inliner alone would lose, or move though it must not. */
const EXOTIC = [
  '@import url("https://x.y/a;b.css");',
  '@supports (display: grid) { p { color: green } }',
  '@layer base { p { color: green } }',
  '@container (width > 1px) { p { color: green } }',
  'p::before { content: "}" }',
  '.on, p:focus-within { color: green }',
  '#outlook a { padding: 0 }',
  '.ExternalClass { width: 100% }',
  '[data-ogsc] .on { color: green }',
  'u + .body .on { color: green }',
  '.on { color: green; &:hover { color: blue } }',
] as const;

const pick = <T>(list: readonly T[]) => fc.constantFrom(...list);
const rule = fc
  .tuple(pick([...SELECTORS, ...LEFT_IN_PLACE]), pick(DECLARATIONS))
  .map(([selector, block]) => `${selector} { ${block} }`);

export const plainCss = fc
  .array(fc.oneof({ weight: 4, arbitrary: rule }, pick(AT_RULES)), { maxLength: 6 })
  .map((rules) => rules.join('\n'));
export const css = fc
  .array(fc.oneof({ weight: 3, arbitrary: rule }, pick(AT_RULES), pick(EXOTIC)), { maxLength: 6 })
  .map((rules) => rules.join('\n'));

const NAMES = ['a', 'b', 'c'] as const;
const LISTS = ['xs', 'ys'] as const;
const value = pick(['{{a}}', '{{b}}', '{{c}}', '{{#if a}}{{b}}{{/if}}', '{{@root.b}}']);
const attribute = fc.oneof(
  pick(['class', 'id', 'dir', 'style', 'href', 'title', 'start', 'lang']).chain((name) =>
    fc.oneof(
      value.map((printed) => ` ${name}="${printed}"`),
      value.map((printed) => ` ${name}="on ${printed}"`),
      value.map((printed) => ` ${name}='${printed}'`),
      fc.constant(` ${name}="on"`),
    ),
  ),
  pick([' {{#if a}}class="dark"{{else}}dir="rtl"{{/if}}', ' class="{{#if b}}on{{/if}}"', '']),
);
const attributes = fc.array(attribute, { maxLength: 2 }).map((list) => list.join(''));

const TAGS = ['div', 'p', 'b', 'i', 'a', 'h1', 'blockquote', 'pre', 'span', 'address'] as const;
const BREAKS = [
  '<br>',
  '<hr>',
  '<img src="cid:x.png" alt="{{a}}">',
  '<!-- {{b}} -->',
  '&amp;',
  ' ',
];

/** Html with Handlebars in it: blocks around elements and around parts of them, in each other. */
export const { body } = fc.letrec<{ body: string; piece: string }>((tie) => ({
  body: fc.array(tie('piece'), { maxLength: 4 }).map((pieces) => pieces.join('')),
  piece: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    pick(['text', ' ', '\n  ', '{{a}}', '{{b}} ', '{{{c}}}', '&{{a}}', 'x{{a}}y', ...BREAKS]),
    fc
      .tuple(pick(TAGS), attributes, tie('body'))
      .map(([tag, given, inside]) => `<${tag}${given}>${inside}</${tag}>`),
    fc
      .tuple(pick(NAMES), tie('body'), tie('body'))
      .map(([name, yes, no]) => `{{#if ${name}}}${yes}{{else}}${no}{{/if}}`),
    fc.tuple(pick(NAMES), tie('body')).map(([name, no]) => `{{#unless ${name}}}${no}{{/unless}}`),
    fc
      .tuple(pick(LISTS), tie('body'), tie('body'))
      .map(([list, each, none]) => `{{#each ${list}}}${each}{{else}}${none}{{/each}}`),
    fc.tuple(pick(LISTS), tie('body')).map(([list, each]) => `{{#${list}}}${each}{{/${list}}}`),
    fc
      .tuple(pick(NAMES), pick(['b', 'i', 'div']), pick(['b', 'p', 'div']), tie('body'))
      .map(
        ([name, one, other, inside]) =>
          `{{#if ${name}}}<${one}>{{else}}<${other}>{{/if}}${inside}{{#if ${name}}}</${one}>{{else}}</${other}>{{/if}}`,
      ),
    fc
      .tuple(pick(LISTS), attributes, tie('body'))
      .map(
        ([list, given, cell]) =>
          `<table>{{#each ${list}}}<tr${given}><th>{{a}}</th><td>${cell}</td></tr>{{/each}}</table>`,
      ),
    fc
      .tuple(pick(LISTS), pick(['ol', 'ul', 'ol start="{{a}}"']), tie('body'))
      .map(
        ([list, tag, item]) =>
          `<${tag}>{{#each ${list}}}<li>${item} {{@index}}</li>{{/each}}</${tag.slice(0, 2)}>`,
      ),
    fc.tuple(value, value).map(([href, words]) => `<a href="${href}">${words}</a>`),
  ),
}));

const word = fc.oneof(pick(WORDS), fc.string({ maxLength: 6 }), fc.constant(null));
const fields = fc.record({ a: word, b: word, c: word });
const list = fc.array(fields, { maxLength: 3 });
export const context = fc.tuple(fields, fc.record({ xs: list, ys: list })).map(([own, lists]) => ({
  ...own,
  ...lists,
  xs: lists.xs.map((item) => ({ ...item, xs: [], ys: [] })),
  ys: lists.ys.map((item) => ({ ...item, xs: [], ys: [] })),
}));
