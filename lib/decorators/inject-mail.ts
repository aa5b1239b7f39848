import { Inject } from '@nestjs/common';
import { getMailToken } from '../service/mail.tokens.js';

/** Injects the MailService of the module instance called `name`, or of the default one. */
export const InjectMail = (name?: string): PropertyDecorator & ParameterDecorator =>
  Inject(getMailToken(name));
