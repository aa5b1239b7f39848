/** The providers that this package knows, a line each: a folder's manifest, and its types. */
export * from './postmark/postmark.manifest.js';
export * from './sendgrid/sendgrid.manifest.js';
