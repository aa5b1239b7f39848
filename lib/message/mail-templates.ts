/**
 * The app's templates and the context that each takes. Empty until the app says, by augmenting it
 * (`npx nestjs-mail-relay types` writes this from the templates):
 *
 * ```ts
 * declare module 'nestjs-mail-relay' {
 *   interface MailTemplates {
 *     welcome: { name: string };
 *   }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- for others to fill
export interface MailTemplates {}

/** Names of templates: those of MailTemplates, or any while there are none. */
export type MailTemplateName = keyof MailTemplates extends never ? string : keyof MailTemplates;

/** What a template is filled with. */
export type MailTemplateContext<N> = N extends keyof MailTemplates ? MailTemplates[N] : object;

/** The fields that choose a template and fill it. */
export interface TemplateChoice<N> {
  /** Name of a template of the module's `templates`. */
  readonly template: N;
  /** The values that it prints. */
  readonly context: MailTemplateContext<N>;
  /** Language tag, for example `pt-BR`. Default: that of the async context, then the module's. */
  readonly locale?: string;
}

interface NoTemplate {
  readonly template?: undefined;
  readonly context?: undefined;
  readonly locale?: string;
}

interface Loose {
  readonly template?: string;
  readonly context?: object;
  readonly locale?: string;
}

/** A union with one member for each template, so that each name takes only its own context. */
export type MailTemplateFields = keyof MailTemplates extends never
  ? Loose
  : // eslint-disable-next-line @typescript-eslint/no-redundant-type-constituents -- not once there are templates
    NoTemplate | { [N in keyof MailTemplates]: TemplateChoice<N> }[keyof MailTemplates];
