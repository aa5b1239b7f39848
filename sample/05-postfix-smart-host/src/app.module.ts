import { Module } from '@nestjs/common';
import { MailModule } from 'nestjs-mail-relay';
import { PostfixController } from './postfix.controller.js';
import { SetUp } from './set-up.js';
import { SetUpModule } from './set-up.module.js';
import { Traffic } from './traffic.js';

@Module({
  imports: [
    SetUpModule,
    MailModule.forRootAsync({
      imports: [SetUpModule],
      inject: [SetUp],
      // The app knows Postfix alone: the provider's address and password are in its main.cf.
      useFactory: ({ postfix }: SetUp) => ({
        transport: `smtp://127.0.0.1:${postfix.port}`,
        defaults: { from: 'Sample <sample@app.example>' },
      }),
    }),
  ],
  controllers: [PostfixController],
  providers: [Traffic],
})
export class AppModule {}
