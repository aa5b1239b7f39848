// Written by `npx nestjs-mail-relay types`. Do not edit: change the templates and run it again.
import 'nestjs-mail-relay';

declare module 'nestjs-mail-relay' {
  interface MailTemplates {
    reset: {
      link: string | number;
      minutes: string | number;
      name: string | number;
    };
    statement: {
      month: string | number;
      signIns: readonly {
        at: string | number;
        device: string | number;
      }[];
    };
    welcome: {
      coupon?: string | number;
      link: string | number;
      name: string | number;
    };
  }
}
