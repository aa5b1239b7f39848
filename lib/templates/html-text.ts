import { checkDepth } from './html-depth.js';
import { loadPeer } from './peer.js';
import { PREHEADER_MARK } from './preheader.js';

/**
 * Deeper elements are left out of the text part: some kinds of nesting cost their depth in square or
 * worse. Mails nest tables some forty deep, with four elements each.
 */
const MAX_DEPTH = 200;
const MAX_INPUT = 1 << 26;

/** What no reader sees: it stands there for the list of an inbox, or for other readers. */
const HIDDEN = [
  `[${PREHEADER_MARK}]`,
  '[data-skip-in-text]',
  '[style*="display:none"]',
  '[style*="display: none"]',
];
/** The converter knows these for inline, so that the words of two would run together. */
const BLOCKS = [
  'address',
  'caption',
  'center',
  'dd',
  'details',
  'dl',
  'dt',
  'fieldset',
  'figcaption',
  'figure',
  'legend',
  'option',
  'summary',
  'td',
  'th',
];
const LINE = { leadingLineBreaks: 1, trailingLineBreaks: 1 };

/** Makes the text part. */
export interface TextConverter {
  (html: string): string;
  /** Every link with its words, in the order of the html. */
  links(html: string): readonly TextLink[];
}

export interface TextLink {
  readonly href: string;
  readonly words: string;
}

/** Returns the converter, with its package imported. Long lines are left to the mail's encoding. */
export async function loadHtmlToText(): Promise<TextConverter> {
  const { compile } = await loadPeer(
    'html-to-text',
    () => import('html-to-text'),
    'templates.text',
  );
  const options = (link: object) => ({
    wordwrap: false as const,
    selectors: [
      { selector: 'img', format: 'skip' },
      { selector: 'a', ...link },
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({
        selector,
        options: { uppercase: false },
      })),
      { selector: 'table', format: 'block' },
      ...BLOCKS.map((selector) => ({ selector, format: 'block', options: LINE })),
      ...HIDDEN.map((selector) => ({ selector, format: 'skip' })),
    ],
    limits: { maxInputLength: MAX_INPUT, maxDepth: MAX_DEPTH },
  });
  const convert = compile(options({ options: { hideLinkHrefIfSameAsText: true } }));
  let found: TextLink[] = [];
  const probe = compile({
    ...options({ format: 'probe' }),
    formatters: {
      probe(element, walk, builder) {
        const { href } = (element as { attribs: Record<string, string | undefined> }).attribs;
        let words = '';
        builder.pushWordTransform((word) => {
          words += word;
          return word;
        });
        walk(element.children, builder);
        builder.popWordTransform();
        if (href !== undefined) found.push({ href, words });
      },
    },
  });
  const links = (html: string): readonly TextLink[] => {
    found = [];
    probe(html);
    return found;
  };
  const toText = (html: string) => {
    checkDepth(html);
    return convert(html);
  };
  return Object.assign(toText, { links });
}

const SPECIAL: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => SPECIAL[char]!);
}
