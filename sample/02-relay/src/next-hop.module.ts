import { Module } from '@nestjs/common';
import { NextHop } from './next-hop.js';

@Module({
  providers: [{ provide: NextHop, useFactory: () => NextHop.open() }],
  exports: [NextHop],
})
export class NextHopModule {}
