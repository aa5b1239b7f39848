import type { SendGridFault } from './sendgrid-mail.js';

const HELP = 'http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message.';

export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '';

/** Collects faults in the form in which SendGrid answers them. */
export class FaultList {
  readonly faults: SendGridFault[] = [];

  fault(message: string, field: string | null, help = field): void {
    this.faults.push({ message, field, help: help === null ? null : HELP + help });
  }

  keys(value: Json, known: readonly string[], path: string): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      this.fault(`Additional property ${key} is not allowed`, path + key, null);
    }
  }
}
