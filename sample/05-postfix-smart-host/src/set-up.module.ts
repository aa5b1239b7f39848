import { Module } from '@nestjs/common';
import { SetUp } from './set-up.js';

@Module({
  providers: [{ provide: SetUp, useFactory: () => SetUp.start() }],
  exports: [SetUp],
})
export class SetUpModule {}
